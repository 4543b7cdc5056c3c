"""Where a search starts: the class means of some features, and the default split of their classes."""

from __future__ import annotations

from pathlib import Path

from oodml_bench.features import class_means, open_features
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split, starting_split


def start_of(features: Path, *, progress: bool = False) -> tuple[ClassSpace, Split]:
    """Read class means, and give their space with the default split.

    Raises
    ------
    FeatureError
        Where the features cannot be read or are not finite.
    SplitError
        Where there are fewer than four classes.
    """
    source = open_features(features)
    means = class_means(source, progress=progress)
    return ClassSpace(means.classes, means.means), starting_split(means.classes, source.default_halves)
