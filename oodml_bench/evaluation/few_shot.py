"""What few-shot adaptation gains: the same queries scored before and after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import InputError
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.evaluation.statistics import Estimate, mean_interval

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gain:
    """The scores of one run's episodes, before and after one adaptation.

    Attributes
    ----------
    benchmark, recipe, level, fid, seed, shots, adaptation, gallery_classes
        As in `ResultRow`.
    episodes
        Numbers of the episodes that were scored both before and after, ascending.
    before, after
        Shape (episodes,), float64.
    """

    benchmark: str
    recipe: str
    level: int
    fid: float
    seed: int
    shots: int
    adaptation: str
    gallery_classes: int | None
    episodes: tuple[int, ...]
    before: Scores
    after: Scores

    @property
    def before_estimate(self) -> Estimate:
        """Mean score before, with its 95 % t-interval over the episodes."""
        return mean_interval(self.before)

    @property
    def after_estimate(self) -> Estimate:
        """Mean score after, with its 95 % t-interval over the episodes."""
        return mean_interval(self.after)

    @property
    def gain(self) -> Estimate:
        """Mean difference of an episode, with its 95 % t-interval: that of paired scores."""
        return mean_interval(self.after - self.before)

    @property
    def relative_gain(self) -> Estimate | None:
        """Mean of (after - before) / before of an episode; None where a score before is 0."""
        relative = _relative(self.before, self.after)
        return mean_interval(relative) if np.isfinite(relative).all() else None


@dataclass(frozen=True)
class FewShotCurve:
    """Scores before and after an adaptation over the levels of a benchmark.

    Attributes
    ----------
    benchmark, recipe, shots, adaptation, gallery_classes
        As in `ResultRow`.
    levels, fids
        Numbers of the levels, and their FIDs, by rising FID.
    before, after, relative_gain
        Of each level; the last None where it has no value.
    seeds
        Number of seeds. Intervals are over them where there are two or more, each seed being the mean of its episodes;
        of one seed they are over its episodes.
    """

    benchmark: str
    recipe: str
    shots: int
    adaptation: str
    gallery_classes: int | None
    levels: tuple[int, ...]
    fids: tuple[float, ...]
    before: tuple[Estimate, ...]
    after: tuple[Estimate, ...]
    relative_gain: tuple[Estimate | None, ...]
    seeds: int


def gains_of(
    rows: Iterable[ResultRow],
    *,
    metric: str = "recall@1",
    shots: Sequence[int] | None = None,
    adaptation: str | None = None,
    fixed_gallery: bool = False,
) -> list[Gain]:
    """Pair the episodes of each run, number of shots and adaptation, sorted by names and levels.

    Parameters
    ----------
    rows
        Results.
    metric
        Name of the metric.
    shots
        Numbers of shots; all unless given.
    adaptation
        Name of the adaptation; all unless given.
    fixed_gallery
        Take scores on galleries of one number of classes instead of all classes of each level's queries.

    Raises
    ------
    InputError
        Where no episode was scored both before and after.
    """
    rows = list(rows)
    before: dict[tuple[Any, ...], float] = {}
    after: dict[tuple[Any, ...], dict[str, float]] = defaultdict(dict)
    for row in rows:
        wanted = row.metric == metric and (row.gallery_classes is not None) == fixed_gallery
        if not wanted or row.episode is None or (shots is not None and row.shots not in shots):
            continue
        key = (row.benchmark, row.recipe, row.shots, row.level, row.seed, row.fid, row.gallery_classes, row.episode)
        if row.adaptation is None:
            before[key] = row.value
        elif adaptation in (None, row.adaptation):
            after[key][row.adaptation] = row.value
    runs: dict[tuple[Any, ...], dict[int, tuple[float, float]]] = defaultdict(dict)
    for (*run, episode), scores in after.items():
        for name, value in scores.items():
            if (score := before.get((*run, episode))) is not None:
                runs[(name, *run)][episode] = (score, value)
    if not runs:
        raise InputError(_nothing(rows, metric, shots, adaptation, fixed_gallery))
    return [_gain(key, runs[key]) for key in sorted(runs, key=lambda key: (key[1:3], key[3], key[0], key[4:6]))]


def _gain(key: tuple[Any, ...], episodes: dict[int, tuple[float, float]]) -> Gain:
    adaptation, benchmark, recipe, shots, level, seed, fid, gallery_classes = key
    numbers = tuple(sorted(episodes))
    before, after = np.array([episodes[number] for number in numbers], dtype=np.float64).T
    return Gain(
        benchmark=benchmark,
        recipe=recipe,
        level=level,
        fid=fid,
        seed=seed,
        shots=shots,
        adaptation=adaptation,
        gallery_classes=gallery_classes,
        episodes=numbers,
        before=before,
        after=after,
    )


def few_shot_curves(gains: Iterable[Gain]) -> list[FewShotCurve]:
    """Put gains together to one curve a recipe, number of shots and adaptation (and benchmark), sorted by names."""
    found: dict[tuple[str, str, int, str], list[Gain]] = defaultdict(list)
    for gain in gains:
        found[gain.benchmark, gain.recipe, gain.shots, gain.adaptation].append(gain)
    return [_curve(found[key]) for key in sorted(found)]


def _curve(gains: Sequence[Gain]) -> FewShotCurve:
    first = gains[0]
    by_level: dict[tuple[float, int], list[Gain]] = defaultdict(list)
    for gain in gains:
        by_level[gain.fid, gain.level].append(gain)
    seeds = len({gain.seed for gain in gains})
    ordered = [by_level[key] for key in sorted(by_level)]
    return FewShotCurve(
        benchmark=first.benchmark,
        recipe=first.recipe,
        shots=first.shots,
        adaptation=first.adaptation,
        gallery_classes=first.gallery_classes,
        levels=tuple(level for _, level in sorted(by_level)),
        fids=tuple(fid for fid, _ in sorted(by_level)),
        before=tuple(mean_interval(_values([gain.before for gain in level], seeds)) for level in ordered),
        after=tuple(mean_interval(_values([gain.after for gain in level], seeds)) for level in ordered),
        relative_gain=tuple(_relative_of(level, seeds) for level in ordered),
        seeds=seeds,
    )


def _values(scores: Sequence[Scores], seeds: int) -> Scores:
    """Give what an interval is over: the means of seeds, or the episodes of the only one."""
    return np.array([of_seed.mean() for of_seed in scores]) if seeds > 1 else scores[0]


def _relative_of(gains: Sequence[Gain], seeds: int) -> Estimate | None:
    values = _values([_relative(gain.before, gain.after) for gain in gains], seeds)
    return mean_interval(values) if np.isfinite(values).all() else None


def _relative(before: Scores, after: Scores) -> Scores:
    with np.errstate(divide="ignore", invalid="ignore"):
        relative: Scores = (after - before) / before
    return relative


def _nothing(
    rows: Sequence[ResultRow], metric: str, shots: Sequence[int] | None, adaptation: str | None, fixed_gallery: bool
) -> str:
    wanted = f"{metric} {'on galleries of one size ' if fixed_gallery else ''}"
    wanted += f"at {', '.join(map(str, shots))} shots " if shots is not None else ""
    wanted += f"adapted by {adaptation}" if adaptation is not None else "with any adaptation"
    there = sorted({(row.metric, row.shots, row.adaptation) for row in rows if row.adaptation is not None})
    kinds = "; ".join(f"{name} at {count} shots by {by}" for name, count, by in there)
    return (
        f"no episode was scored both before and after: {wanted}. "
        f"There are {kinds if kinds else 'no adapted runs: run `oodml-bench adapt` first'}"
    )


def adaptations_in(rows: Iterable[ResultRow], metric: str) -> tuple[str, ...]:
    """Name the adaptations that there are scores of, sorted."""
    return tuple(sorted({row.adaptation for row in rows if row.adaptation is not None and row.metric == metric}))
