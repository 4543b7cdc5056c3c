"""Whether a benchmark is a ladder for other features too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from oodml_bench.errors import BenchmarkFileError, FeatureError, InputError
from oodml_bench.features import ClassMeans, Features, class_means, open_features
from oodml_bench.hardness import ClassSpace
from oodml_bench.progress import progress_of
from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.disputes import DisputedStep, disputed_steps
from oodml_bench.splits.files import load_benchmark
from oodml_bench.splits.notes import agreement_notes
from oodml_bench.splits.rank_order import changed_neighbours, rank_correlations
from oodml_bench.splits.scores import Scores, graded
from oodml_bench.splits.split import Split
from oodml_bench.splits.walked_splits import walked_splits
from oodml_bench.threads import one_thread

#: The label of the FIDs that the benchmark holds.
OWN = "benchmark"

#: Relative difference up to which FIDs of the benchmark's own features are those that it holds.
_SAME = 1e-9


@dataclass(frozen=True)
class RankCorrelation:
    """How far two features put the levels in the same order, by their labels.

    Attributes
    ----------
    first, second
        The labels.
    spearman, kendall
        Spearman's rank correlation and Kendall's tau-b, from -1 to 1; None where one of the two has no order.
    """

    first: str
    second: str
    spearman: float | None
    kendall: float | None


@dataclass(frozen=True)
class Agreement:
    """One ladder under several features.

    Attributes
    ----------
    benchmark
        Its name.
    level_steps
        Level number → its step in the search, None where the file does not tell.
    own
        The FIDs that the benchmark holds, under the label `benchmark`.
    others
        The FIDs under each of the other features.
    correlations
        Of each pair, the benchmark's own first.
    disputed
        The steps of the walks on which the features differ most, the greatest difference first.
    notes
        What a user should know about this comparison, a sentence each.
    """

    benchmark: str
    level_steps: dict[int, str | None]
    own: Scores
    others: tuple[Scores, ...]
    correlations: tuple[RankCorrelation, ...]
    disputed: tuple[DisputedStep, ...] = field(repr=False)
    notes: tuple[str, ...] = ()

    def correlation(self, first: str, second: str) -> RankCorrelation:
        """Give the correlation of two different labels, in either order."""
        return next(pair for pair in self.correlations if {pair.first, pair.second} == {first, second})


def agreement(
    benchmark: Benchmark | Path | str, features: Mapping[str, Features | Path | str], *, progress: bool = False
) -> Agreement:
    """Score the ladder of a benchmark by other features.

    Each level, and each step of the walks that the file holds, gets its exact FID under each of the features. FIDs of
    different features have different scales: for comparison each is also normalised to [0, 1] over the levels, as in
    the supplement of ooDML (Milbich, Roth et al., 2021).

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files. A published pickle holds no walks: its levels alone are scored.
    features
        Label → features of at least the benchmark's classes, or their path.
    progress
        Show progress on standard error.

    Raises
    ------
    InputError
        Where no features are given, or one is labelled `benchmark`.
    FeatureError
        Where features cannot be read, are not finite, or lack a class of the benchmark.
    BenchmarkFileError
        Where levels and walks of the file contradict each other, or the features from which the benchmark was built
        give other FIDs than it holds.
    """
    if not features or OWN in features:
        raise InputError(f"give one or more features, under labels other than {OWN!r}; got {list(features)}")
    benchmark = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    steps = walked_splits(benchmark)
    own = _own_scores(benchmark, steps)
    others = tuple(_scores(label, source, own, benchmark, steps, progress) for label, source in features.items())
    # The features that the benchmark was built from tell nothing that its own FIDs do not.
    compared = [own, *(scores for scores in others if not scores.built_from)]
    return Agreement(
        benchmark=benchmark.name,
        level_steps={number: level.step for number, level in benchmark.levels.items()},
        own=own,
        others=others,
        correlations=tuple(_correlation(*pair) for pair in combinations((own, *others), 2)),
        disputed=disputed_steps(benchmark.walks, compared),
        notes=tuple(agreement_notes(benchmark, own, others)),
    )


def _own_scores(benchmark: Benchmark, steps: Mapping[str, Split]) -> Scores:
    levels = {number: level.fid for number, level in benchmark.levels.items()}
    walked = {step.id: step.fid for walk in benchmark.walks for step in walk.steps if step.id in steps}
    specification = {} if benchmark.provenance is None else benchmark.provenance.features
    return graded(OWN, specification, levels, walked, rounding=1e-12 * max(levels.values()), built_from=True)


def _scores(
    label: str,
    features: Features | Path | str,
    own: Scores,
    benchmark: Benchmark,
    steps: Mapping[str, Split],
    progress: bool,
) -> Scores:
    """Measure all splits under one of the features."""
    source = features if isinstance(features, Features) else open_features(features)
    means = class_means(source, progress=progress)
    space = _space(label, means, benchmark)
    levels = {number: Split(level.train, level.test) for number, level in benchmark.levels.items()}
    fids = _fids(space, [*levels.values(), *steps.values()], f"Measuring splits by {label}", progress)
    scores = graded(
        label,
        {**source.specification, "sha256": means.sha256},
        {number: fids[split] for number, split in levels.items()},
        {step: fids[split] for step, split in steps.items()},
        rounding=_rounding(space, means),
        built_from=own.features.get("sha256") == means.sha256,
    )
    if scores.built_from:
        _check_same(scores, own)
    numbers = list(levels)
    changed = changed_neighbours(own.settled_levels, scores.settled_levels)
    return replace(scores, changed=tuple((numbers[position], numbers[position + 1]) for position in changed))


def _space(label: str, means: ClassMeans, benchmark: Benchmark) -> ClassSpace:
    """Give the space of the benchmark's classes; features may hold more."""
    needed = {name for level in benchmark.levels.values() for name in level.train + level.test + level.removed}
    missing = sorted(needed - set(means.classes))
    if missing:
        shown = ", ".join(map(repr, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise FeatureError(
            f"features {label} lack {len(missing)} of the {len(needed)} classes of benchmark {benchmark.name}: "
            f"{shown}. Extract features of the same dataset, with all of its classes under the same names."
        )
    rows = [row for row, name in enumerate(means.classes) if name in needed]
    return ClassSpace([means.classes[row] for row in rows], means.means[rows])


def _rounding(space: ClassSpace, means: ClassMeans) -> float:
    """Give the difference up to which two FIDs are equal, also where class means differ by their own rounding alone."""
    largest = float(np.max(np.abs(means.means))) * np.finfo(np.float64).eps
    return max(space.rounding, means.means.shape[1] * largest**2)


def _fids(space: ClassSpace, splits: Sequence[Split], description: str, progress: bool) -> dict[Split, float]:
    distinct = dict.fromkeys(splits)
    fids: dict[Split, float] = {}
    with one_thread(), progress_of(description, len(distinct), shown=progress) as advance:
        for split in distinct:
            fids[split] = space.distance(space.indices(split.train), space.indices(split.test)).fid
            advance(1)
    return fids


def _check_same(scores: Scores, own: Scores) -> None:
    levels = ((f"level {number}", score, own.levels[number]) for number, score in scores.levels.items())
    steps = ((f"step {step}", score, own.steps[step]) for step, score in scores.steps.items())
    for what, given, held in (*levels, *steps):
        if not math.isclose(given.fid, held.fid, rel_tol=_SAME, abs_tol=scores.rounding):
            raise BenchmarkFileError(
                f"features {scores.label} are those that the benchmark was built from, but give {what} an FID of "
                f"{given.fid:.12g} where the file holds {held.fid:.12g}. The file was changed: build the "
                "benchmark again."
            )


def _correlation(first: Scores, second: Scores) -> RankCorrelation:
    both = rank_correlations(first.settled_levels, second.settled_levels)
    spearman, kendall = (None, None) if both is None else both
    return RankCorrelation(first.label, second.label, spearman, kendall)
