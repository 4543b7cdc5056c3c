"""Levels at FIDs that were asked for: the nearest steps, and a few swaps more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import count

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.progression import Step
from oodml_bench.splits.proposals import predicted_fids
from oodml_bench.splits.ranking import shortlist
from oodml_bench.splits.seats import Seats

#: Steps from which swaps are tried, and splits from which they are, at most.
_BASES = 4
SWAPS_TRIED = 60

#: Seats a side that are looked at where there are too many pairs of classes.
_SOME_SEATS = 300


def target_levels(
    space: ClassSpace,
    steps: Sequence[Step],
    targets: Sequence[float],
    tolerance: float,
    *,
    tries: int = SWAPS_TRIED,
    constraints: Constraints = FREE,
) -> list[Step]:
    """Give a split for each target: the nearest step, brought nearer by single swaps, by rising target.

    The split that results has the sizes of its step, from which it differs by a few classes: it is no longer one of a
    nested row. Its name is that of the step and the target, as `16~40`. A target below the easiest or above the
    hardest step gives that step.

    Parameters
    ----------
    space
        Class means.
    steps
        Candidates by rising FID.
    targets
        FIDs, positive.
    tolerance
        Relative difference from a target that is near enough.
    tries
        Splits from which single swaps are tried, at most; 0 gives the nearest steps as they are.
    constraints
        Which swaps are allowed.

    Raises
    ------
    SplitError
        Where no target is given, one is not a finite positive number, the tolerance is not positive, or two targets
        end in one split.
    """
    if not targets or not all(np.isfinite(target) and target > 0 for target in targets):
        raise SplitError(f"targets must be one or more positive FIDs, got {list(targets)}")
    if not 0 < tolerance < 1:
        raise SplitError(f"the tolerance must be above 0 and below 1 (0.001 is 0.1 %), got {tolerance}")
    chosen: dict[object, float] = {}
    picked: list[Step] = []
    for target in sorted(targets):
        step = _near(space, steps, target, tolerance, tries, constraints)
        if step.split in chosen:
            raise SplitError(
                f"the targets {chosen[step.split]:g} and {target:g} lead to one split (FID {step.fid:.6g}); "
                f"this benchmark reaches from {steps[0].fid:.6g} to {steps[-1].fid:.6g}"
            )
        chosen[step.split] = target
        picked.append(step)
    return picked


def _near(
    space: ClassSpace, steps: Sequence[Step], target: float, tolerance: float, tries: int, constraints: Constraints
) -> Step:
    by_distance = sorted(steps, key=lambda step: abs(step.fid - target))
    nearest = by_distance[0]
    if not tries or not steps[0].fid < target < steps[-1].fid or abs(nearest.fid - target) <= tolerance * target:
        return nearest
    # The nearest split so far is the next from which swaps are tried, whether the last ones helped or not: at an
    # extreme one swap leads too far, and a second back.
    order = count()
    heap = [
        (abs(step.fid - target), next(order), step.id, Seats.of(space, step.split, constraints))
        for step in by_distance[:_BASES]
    ]
    best = heap[0]
    for _ in range(tries):
        _, _, base, seats = heappop(heap)
        for swapped in _promising(seats, target):
            heappush(heap, (abs(swapped.distance().fid - target), next(order), base, swapped))
        best = min(best, heap[0])
        if best[0] <= tolerance * target:
            break
    return best[3].step(f"{best[2]}~{target:g}")


def _promising(seats: Seats, target: float) -> Iterator[Seats]:
    """Make each of the single swaps that are predicted to bring the FID nearest to a target."""
    train_seats, test_seats = (_some(len(side), seats.has_few_pairs) for side in (seats.train, seats.test))
    predicted = predicted_fids(seats, train_seats, test_seats)
    for row, column in shortlist(-np.abs(predicted - target)):
        yield seats.swapped(int(train_seats[row]), int(test_seats[column]))


def _some(count: int, is_all: bool) -> NDArray[np.intp]:
    return np.arange(count) if is_all else np.linspace(0, count - 1, min(count, _SOME_SEATS)).astype(np.intp)
