"""What is no leak but should be known of the sides of a level: superclasses on both, and how large classes are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from oodml_bench.features import ClassMeans
from oodml_bench.splits.audit.findings import LevelSides
from oodml_bench.splits.benchmark import Level


def level_sides(level: Level, means: ClassMeans) -> LevelSides:
    """Count superclasses on both sides, and the samples of either side's classes."""
    sizes = dict(zip(means.classes, means.counts.tolist(), strict=True))
    train, test = ([sizes[name] for name in names] for names in (level.train, level.test))
    of_train, of_test = (_superclasses(names, means.superclasses) for names in (level.train, level.test))
    return LevelSides(
        superclasses=len(of_train | of_test),
        split_superclasses=len(of_train & of_test),
        median_samples=(float(np.median(train)), float(np.median(test))),
        mean_samples=(float(np.mean(train)), float(np.mean(test))),
        test_share=sum(test) / (sum(train) + sum(test)),
    )


def _superclasses(names: Iterable[str], superclasses: Mapping[str, str]) -> set[str]:
    return {superclasses[name] for name in names if name in superclasses}
