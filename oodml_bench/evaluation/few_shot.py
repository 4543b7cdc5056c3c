"""What few-shot adaptation gains: the same queries scored before and after it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import InputError, RunError
from oodml_bench.evaluation.curves import fids_of_levels
from oodml_bench.evaluation.results import ResultRow, Weights
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
        Shape (episodes,), float64, finite.
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
        """Mean of (after - before) / before of an episode; None where a score before is 0.

        Leaving out such episodes would leave out the worst ones.
        """
        relative = _relative(self)
        return None if relative is None else mean_interval(relative)


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
        Of each level; the last None where an episode's score before is 0.
    seeds
        Number of seeds.
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

    @property
    def over(self) -> Literal["seeds", "episodes"]:
        """What means and intervals are over: seeds, each the mean of its episodes, or the episodes of the only seed."""
        return "seeds" if self.seeds > 1 else "episodes"


class _Run(NamedTuple):
    """What the episodes of one gain have in common, in the order in which gains are sorted."""

    benchmark: str
    recipe: str
    shots: int
    adaptation: str
    level: int
    seed: int
    fid: float
    gallery_classes: int | None


#: Score of each episode of a run.
_Episodes = dict[int, float]


def gains_of(
    rows: Iterable[ResultRow],
    *,
    metric: str = "recall@1",
    shots: Sequence[int] | None = None,
    adaptation: str | None = None,
    weights: Weights | None = None,
    fixed_gallery: bool = False,
) -> list[Gain]:
    """Pair the episodes of each run, number of shots and adaptation.

    Scores that are not finite count as missing; an episode that misses one of its two scores is left out.

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
    weights
        `selected`, `last` or `given`; of each recipe the first of these that it has gains of, unless given.
    fixed_gallery
        Take scores on galleries of one number of classes instead of all classes of each level's queries.

    Returns
    -------
    list of Gain
        Sorted by benchmark, recipe, shots, adaptation, level and seed.

    Raises
    ------
    InputError
        Where no episode was scored both before and after, or some have galleries of other sizes than others.
    RunError
        Where a level has several FIDs, or one score is told twice.
    """
    rows = list(rows)
    chosen = [
        row
        for row in rows
        if row.metric == metric
        and (row.gallery_classes is not None) == fixed_gallery
        and (shots is None or row.shots in shots)
        and row.adaptation in (None, adaptation or row.adaptation)
    ]
    gains: list[Gain] = []
    for kind in get_args(Weights) if weights is None else (weights,):
        found = {(gain.benchmark, gain.recipe) for gain in gains}
        of_kind = _paired([row for row in chosen if row.weights == kind])
        gains += [gain for gain in of_kind if (gain.benchmark, gain.recipe) not in found]
    if not gains:
        raise InputError(_nothing(rows, metric, shots, adaptation, weights, fixed_gallery))
    gains.sort(key=lambda gain: _run(gain, gain.adaptation))
    fids_of_levels((gain.benchmark, gain.level, gain.fid) for gain in gains)
    _check_galleries(gains)
    return gains


def _paired(rows: Sequence[ResultRow]) -> Iterator[Gain]:
    """Pair scores of weights of one kind."""
    before, after = defaultdict[_Run, _Episodes](dict), defaultdict[_Run, _Episodes](dict)
    for row in rows:
        if row.episode is None:
            continue
        # The scores before are common to all adaptations.
        episodes = (before if row.adaptation is None else after)[_run(row, row.adaptation or "")]
        if row.episode in episodes:
            raise RunError(
                f"{row.metric} of {row.recipe}, seed {row.seed}, on level {row.level} of {row.benchmark}, "
                f"{row.shots} shots, episode {row.episode}, adapted by {row.adaptation or 'nothing'}, is told twice"
            )
        episodes[row.episode] = row.value
    for run, adapted in after.items():
        trained = before.get(run._replace(adaptation=""), {})
        both = sorted(
            number for number in adapted if isfinite(adapted[number]) and isfinite(trained.get(number, np.nan))
        )
        if both:
            yield Gain(
                **run._asdict(),
                episodes=tuple(both),
                before=np.array([trained[number] for number in both], dtype=np.float64),
                after=np.array([adapted[number] for number in both], dtype=np.float64),
            )


def _run(of: ResultRow | Gain, adaptation: str) -> _Run:
    return _Run(of.benchmark, of.recipe, of.shots, adaptation, of.level, of.seed, of.fid, of.gallery_classes)


def _check_galleries(gains: Iterable[Gain]) -> None:
    sizes: dict[tuple[str, str], int | None] = {}
    for gain in gains:
        known = sizes.setdefault((gain.benchmark, gain.recipe), gain.gallery_classes)
        if known != gain.gallery_classes:
            raise InputError(
                f"{gain.recipe} on {gain.benchmark} has scores on galleries of {known} and {gain.gallery_classes} "
                "classes, which cannot be compared; adapt it again with one number"
            )


def few_shot_curves(gains: Iterable[Gain]) -> list[FewShotCurve]:
    """Put gains together to one curve a recipe, number of shots and adaptation (and benchmark), sorted by these."""
    found: dict[tuple[str, str, int, str], list[Gain]] = defaultdict(list)
    for gain in gains:
        found[gain.benchmark, gain.recipe, gain.shots, gain.adaptation].append(gain)
    return [_curve(found[key]) for key in sorted(found)]


def _curve(gains: Sequence[Gain]) -> FewShotCurve:
    first = gains[0]
    by_level: dict[tuple[float, int], list[Gain]] = defaultdict(list)
    for gain in sorted(gains, key=lambda gain: gain.seed):
        by_level[gain.fid, gain.level].append(gain)
    places = sorted(by_level)
    at_levels = [by_level[place] for place in places]
    seeds = len({gain.seed for gain in gains})
    return FewShotCurve(
        benchmark=first.benchmark,
        recipe=first.recipe,
        shots=first.shots,
        adaptation=first.adaptation,
        gallery_classes=first.gallery_classes,
        levels=tuple(level for _, level in places),
        fids=tuple(fid for fid, _ in places),
        before=tuple(_estimate([gain.before for gain in level], seeds) for level in at_levels),
        after=tuple(_estimate([gain.after for gain in level], seeds) for level in at_levels),
        relative_gain=tuple(_relative_estimate(level, seeds) for level in at_levels),
        seeds=seeds,
    )


def _estimate(scores: Sequence[Scores], seeds: int) -> Estimate:
    """Sum up the scores of one level: over the means of seeds, or over the episodes of the only seed."""
    return mean_interval([float(of_seed.mean()) for of_seed in scores] if seeds > 1 else scores[0])


def _relative_estimate(gains: Sequence[Gain], seeds: int) -> Estimate | None:
    known = [relative for gain in gains if (relative := _relative(gain)) is not None]
    return _estimate(known, seeds) if len(known) == len(gains) else None


def _relative(gain: Gain) -> Scores | None:
    return (gain.after - gain.before) / gain.before if gain.before.all() else None


def _nothing(
    rows: Sequence[ResultRow],
    metric: str,
    shots: Sequence[int] | None,
    adaptation: str | None,
    weights: Weights | None,
    fixed_gallery: bool,
) -> str:
    wanted = [
        metric,
        *([f"{', '.join(map(str, shots))} shots"] if shots is not None else []),
        *([f"{weights} weights"] if weights is not None else []),
        f"adapted by {'anything' if adaptation is None else adaptation}",
        f"on {'galleries of a fixed size' if fixed_gallery else 'all classes of a level'}",
    ]
    there = "; ".join(_kind(rows, name) for name in sorted({row.adaptation for row in rows if row.adaptation}))
    return (
        f"no episode was scored both before and after: {', '.join(wanted)}. "
        + (f"There are: {there}" if there else "No run was adapted: use `oodml-bench adapt` first")
        + "."
    )


def _kind(rows: Sequence[ResultRow], adaptation: str) -> str:
    """Say what there is of an adaptation."""
    adapted = [row for row in rows if row.adaptation == adaptation]
    metrics = ", ".join(sorted({row.metric for row in adapted}))
    shots = ", ".join(map(str, sorted({row.shots for row in adapted})))
    weights = ", ".join(sorted({row.weights for row in adapted}))
    return f"{adaptation}: {metrics} at {shots} shots, {weights} weights"
