"""Removing classes from both sides of a split, so that what remains lies further apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.progression import OnStep, Progression
from oodml_bench.splits.proposals import propose_removals
from oodml_bench.splits.ranking import best_move
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split
from oodml_bench.splits.swapping import boundary_orders

Indices = NDArray[np.intp]

#: Share of the smaller side that a step removes where there are too many pairs of classes to look at.
_STEP = 0.02


def greedy_removal(
    space: ClassSpace,
    start: Split,
    *,
    min_classes: int,
    constraints: Constraints = FREE,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Remove, step by step, the one train and the one test class whose removal raises the exact FID most.

    Stops at `min_classes` on the smaller side, or where no removal raises the FID: monotone by construction. With more
    than some 250 classes a side, a step removes a batch that together raises the FID.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        Where to begin: usually the hardest split that swapping found.
    min_classes
        Classes that stay on the smaller side, at least 2.
    constraints
        Which removals are allowed.
    on_step
        Called with 1 after each step.

    Raises
    ------
    SplitError
        Where `min_classes` is below 2 or above the smaller side.
    """
    seats = replace(checked_seats(space, start, min_classes), constraints=constraints)
    steps = [seats.step("R0")]
    on_step(1)
    most = seats.smaller_side
    while harder := _harder_without_some(seats, seats.smaller_side - min_classes):
        seats = harder
        steps.append(seats.step(f"R{most - seats.smaller_side}"))
        on_step(1)
    return Progression("removal", tuple(steps))


def _harder_without_some(seats: Seats, spare: int) -> Seats | None:
    """Remove classes so that the FID rises, at most `spare` a side; None where that cannot be."""
    if not spare:
        return None
    fid = seats.distance().fid
    if seats.has_few_pairs:
        found = best_move(seats.removal_scores(), seats.without, 1)
        return found if found and seats.is_better(found.distance().fid, fid, sign=1) else None
    train_seats, test_seats = propose_removals(seats, min(spare, math.ceil(_STEP * seats.smaller_side)))
    while len(train_seats):
        tried = seats.without(train_seats, test_seats).prepared()
        if seats.is_better(tried.distance().fid, fid, sign=1):
            return tried
        train_seats, test_seats = train_seats[: len(train_seats) // 4], test_seats[: len(test_seats) // 4]
    return None


def paper_removal(
    space: ClassSpace,
    start: Split,
    *,
    min_classes: int,
    removals_per_round: int,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Remove, round by round, the classes of either side that lie nearest to the other side.

    What the published study describes: its own code keeps the swaps that lowered the distance where it should have
    removed. Nearness is that of the swap rule, measured anew each round. The FID need not be monotone.

    Parameters
    ----------
    space, start, min_classes, on_step
        As for `greedy_removal`.
    removals_per_round
        Classes removed from either side in a round; fewer in the last, so that `min_classes` stay.

    Raises
    ------
    SplitError
        Where `min_classes` is below 2 or above the smaller side, or `removals_per_round` is below 1.
    """
    if removals_per_round < 1:
        raise SplitError(f"a round removes at least 1 class a side, got {removals_per_round}")
    seats = checked_seats(space, start, min_classes)
    removed = 0
    steps = [seats.step("R0")]
    while (spare := min(len(seats.train), len(seats.test)) - min_classes) > 0:
        count = min(removals_per_round, spare)
        train_order, test_order = boundary_orders(seats)
        seats = seats.without(train_order[:count], test_order[:count])
        removed += count
        steps.append(seats.step(f"R{removed}"))
        on_step(1)
    return Progression("removal", tuple(steps))


def checked_seats(space: ClassSpace, start: Split, min_classes: int) -> Seats:
    """Seat a split from which classes are removed down to `min_classes`, or raise `SplitError` for a wrong number."""
    smaller = min(len(start.train), len(start.test))
    if not 2 <= min_classes <= smaller:
        raise SplitError(
            f"the least number of classes a side is {min_classes}; it must be from 2 to {smaller}, "
            "the size of the smaller side"
        )
    return Seats.of(space, start)
