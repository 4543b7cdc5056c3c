"""Scores over hardness: what a benchmark is for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import InputError, RunError
from oodml_bench.evaluation.results import ResultRow, Weights
from oodml_bench.evaluation.statistics import (
    Estimate,
    RankAgreement,
    ags,
    changes,
    mean_interval,
    rank_agreement,
    spearman,
)

__all__ = ["Curve", "Estimate", "agreement_of_curves", "ags", "curves_of", "mean_interval", "spearman"]


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores of a recipe over the levels of a benchmark.

    Attributes
    ----------
    benchmark, recipe
        Their names.
    levels
        Numbers of the levels of the benchmark that there are scores on, of this recipe or of another, by rising FID.
    fids
        FID of each of the levels.
    seeds
        Ascending.
    scores
        Shape (seeds, levels), float64; NaN where a seed was not scored on a level, or the score is not finite.
    gallery_classes
        Classes in a gallery; None where each level has its own number.
    weights
        Of which weights the scores are.
    """

    benchmark: str
    recipe: str
    levels: tuple[int, ...]
    fids: tuple[float, ...]
    seeds: tuple[int, ...]
    scores: NDArray[np.float64]
    gallery_classes: int | None = None
    weights: Weights = "selected"

    @cached_property
    def at_levels(self) -> tuple[Estimate | None, ...]:
        """Mean and interval over seeds at each level; None where no seed has a score."""
        known = [column[np.isfinite(column)] for column in self.scores.T]
        return tuple(mean_interval(values) if len(values) else None for values in known)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over seeds at each level, shape (levels,); NaN where no seed has a score."""
        return np.array([np.nan if level is None else level.mean for level in self.at_levels])

    @cached_property
    def ags(self) -> Estimate | None:
        """Aggregated generalisation score over the seeds that have all levels; None where it has no value.

        That is where no seed has all levels, or where there are not two levels of different FID.
        """
        whole = self.scores[np.isfinite(self.scores).all(axis=1)]
        if not len(whole) or len(self.levels) < 2 or np.ptp(self.fids) == 0:
            return None
        return mean_interval([ags(self.fids, row) for row in whole])

    @property
    def spearman(self) -> float | None:
        """Spearman's rank correlation of FID and mean score, over the levels that have one; None without an order."""
        known = np.isfinite(self.mean)
        return spearman(np.array(self.fids)[known], self.mean[known])

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the levels on which no seed has a score."""
        return tuple(level for level, mean in zip(self.levels, self.mean, strict=True) if not np.isfinite(mean))

    @property
    def changes(self) -> dict[tuple[int, int], float]:
        """What the mean score changes by between neighbouring levels with scores, of which the second has a higher FID.

        Keys are the numbers of both.
        """
        known = np.flatnonzero(np.isfinite(self.mean))
        found = changes(np.array(self.fids)[known], self.mean[known])
        return {(self.levels[known[easier]], self.levels[known[harder]]): by for (easier, harder), by in found.items()}

    @property
    def falls(self) -> bool:
        """Whether there are two levels or more with scores, and each is lower than the one before."""
        return bool(self.changes) and all(by < 0 for by in self.changes.values())


def curves_of(
    rows: Iterable[ResultRow],
    metric: str = "recall@1",
    weights: Weights | None = "selected",
    fixed_gallery: bool = False,
    shots: int = 0,
    adaptation: str | None = None,
) -> list[Curve]:
    """Put results together to one curve a recipe (and benchmark), sorted by names.

    All curves of a benchmark have the same levels, so that their areas are over the same range of FIDs.

    Parameters
    ----------
    rows
        Results.
    metric
        Name of the metric.
    weights
        `last`, `selected` or `given`; None: of each recipe the first it has results of, of selected, last and given.
    fixed_gallery
        Take scores on galleries of one number of classes instead of all test classes of each level.
    shots
        Support samples a class; scores of episodes are averaged for each seed.
    adaptation
        Name of the few-shot adaptation; None: weights as they were trained.

    Raises
    ------
    InputError
        Where no row is of this kind, or some have galleries of other sizes than others.
    RunError
        Where a level has several FIDs, or one score is told twice.
    """
    rows = list(rows)
    weights_of = _weights_of(rows) if weights is None else defaultdict(lambda: weights)
    chosen = [
        row
        for row in rows
        if (row.metric, row.shots, row.adaptation) == (metric, shots, adaptation)
        and row.weights == weights_of[row.benchmark, row.recipe]
        and (row.gallery_classes is not None) == fixed_gallery
    ]
    if not chosen:
        asked = weights or " or ".join(sorted(set(weights_of.values()))) or "any"
        raise InputError(_nothing(rows, metric, asked, fixed_gallery, shots))
    by_curve: dict[tuple[str, str], list[ResultRow]] = defaultdict(list)
    for row in chosen:
        by_curve[row.benchmark, row.recipe].append(row)
    fids = fids_of_levels((row.benchmark, row.level, row.fid) for row in chosen)
    return [_curve(by_curve[names], fids) for names in sorted(by_curve)]


def agreement_of_curves(curves: Sequence[Curve]) -> RankAgreement | None:
    """Measure whether recipes keep their order from level to level, over the levels that all have a score on.

    Raises
    ------
    InputError
        Where the curves are of several benchmarks.
    """
    if len({curve.benchmark for curve in curves}) > 1:
        raise InputError("recipes on different benchmarks have no common levels to be ranked on; give those of one")
    means = [
        {level: mean for level, mean in zip(curve.levels, curve.mean, strict=True) if np.isfinite(mean)}
        for curve in curves
    ]
    if not means:
        return None
    common = sorted(set.intersection(*map(set, means)))
    return rank_agreement(np.array([[mean[level] for level in common] for mean in means]))


def _weights_of(rows: Iterable[ResultRow]) -> dict[tuple[str, str], Weights]:
    """Give the weights that speak for each benchmark and recipe: those that a reader wants first."""
    found: dict[tuple[str, str], set[Weights]] = defaultdict(set)
    for row in rows:
        found[row.benchmark, row.recipe].add(row.weights)
    return {key: min(kinds, key=get_args(Weights).index) for key, kinds in found.items()}


def fids_of_levels(places: Iterable[tuple[str, int, float]]) -> dict[tuple[str, int], float]:
    """Give the FID of each benchmark's level, of benchmarks, levels and FIDs as results tell them.

    Raises
    ------
    RunError
        Where a level has several FIDs.
    """
    fids: dict[tuple[str, int], float] = {}
    for benchmark, level, fid in places:
        known = fids.setdefault((benchmark, level), fid)
        if known != fid:
            raise RunError(
                f"level {level} of {benchmark} has FID {known} in one result and {fid} in another: these "
                "are two benchmarks of one name. Read their results apart."
            )
    return fids


def _curve(rows: Sequence[ResultRow], fids: dict[tuple[str, int], float]) -> Curve:
    first = rows[0]
    sizes = sorted({row.gallery_classes for row in rows if row.gallery_classes is not None})
    if len(sizes) > 1:
        raise InputError(
            f"{first.recipe} on {first.benchmark} has scores on galleries of {', '.join(map(str, sizes))} classes, "
            "which cannot be compared; score it again with one number"
        )
    levels = sorted(
        (level for benchmark, level in fids if benchmark == first.benchmark),
        key=lambda level: (fids[first.benchmark, level], level),
    )
    seeds = sorted({row.seed for row in rows})
    scores = np.full((len(seeds), len(levels)), np.nan)
    for (seed, level), values in _by_cell(rows).items():
        scores[seeds.index(seed), levels.index(level)] = np.mean(values)
    return Curve(
        benchmark=first.benchmark,
        recipe=first.recipe,
        levels=tuple(levels),
        fids=tuple(fids[first.benchmark, level] for level in levels),
        seeds=tuple(seeds),
        scores=np.where(np.isfinite(scores), scores, np.nan),
        gallery_classes=sizes[0] if sizes else None,
        weights=first.weights,
    )


def _by_cell(rows: Sequence[ResultRow]) -> dict[tuple[int, int], list[float]]:
    """Give the values of each seed and level: several where there are episodes."""
    cells: dict[tuple[int, int], dict[int | None, float]] = defaultdict(dict)
    for row in rows:
        episodes = cells[row.seed, row.level]
        if row.episode in episodes:
            raise RunError(
                f"{row.metric} of {row.recipe}, seed {row.seed}, on level {row.level} of {row.benchmark} is told twice"
            )
        episodes[row.episode] = row.value
    return {cell: list(episodes.values()) for cell, episodes in cells.items()}


def _nothing(rows: Sequence[ResultRow], metric: str, weights: str, fixed_gallery: bool, shots: int) -> str:
    gallery = "galleries of a fixed size" if fixed_gallery else "all classes of a level"
    kinds = sorted({(row.weights, row.shots) for row in rows if row.metric == metric})
    there = (
        f"of this metric there are {', '.join(f'{kind} weights at {count} shots' for kind, count in kinds)}"
        if kinds
        else f"there are {', '.join(sorted({row.metric for row in rows})) or 'none at all'}"
    )
    return f"no result is of {metric}, {weights} weights, {shots} shots, on {gallery}; {there}"
