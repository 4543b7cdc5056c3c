"""Walking from any split to one that no single swap improves, in few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.progression import Direction, sign_of
from oodml_bench.splits.proposals import Screen, propose_swaps
from oodml_bench.splits.ranking import best_move
from oodml_bench.splits.seats import Seats

Indices = NDArray[np.intp]

#: Share of the smaller side that the first batch of swaps may move.
_FIRST_BATCH = 0.25

#: The same where there are too many pairs to look at; the relative gain below which, and the number of batches after
#: which, it is not worth going on then.
_FIRST_PROPOSALS, _NEAR_PROPOSALS = 0.15, 0.03
LEAST_GAIN = 1e-4
_MOST_BATCHES = 40

#: Batches for which one screen serves.
_BATCHES_A_SCREEN = 4


def ascend(start: Seats, direction: Direction, *, is_near: bool = False) -> tuple[Seats, float]:
    """Swap classes until no single swap makes the split harder (or easier).

    Many disjoint swaps are made at once while that helps, proposed first by what each class changes alone and then with
    the interactions of pairs; single ones at the end. The result is as good as that of single swaps, in far fewer
    steps.

    Parameters
    ----------
    start
        Where to begin.
    direction
        `harder` or `easier`.
    is_near
        Whether the start is a few swaps from such a split: then only small batches are worth a try.

    Returns
    -------
    (Seats, float)
        Where it ends, and the exact FID there.
    """
    sign = sign_of(direction)
    first_batch = 4 if is_near else max(1, int(_FIRST_BATCH * start.smaller_side))
    seats = start if is_near else _ascend_by_lone_moves(start, sign, first_batch)
    return _ascend_by_pairs(seats, sign, first_batch)


def ascend_in_batches(
    start: Seats, direction: Direction, least_gain: float = LEAST_GAIN, *, is_near: bool = False
) -> Seats:
    """Swap classes in batches, where there are too many pairs to look at, until the relative gain becomes small.

    From a start that is near such a split large batches are not worth a try.
    """
    most = math.ceil((_NEAR_PROPOSALS if is_near else _FIRST_PROPOSALS) * start.smaller_side)
    end = start
    for _, better in improving_batches(start, sign_of(direction), most, least_gain):
        end = better
    return end


def improving_batches(
    seats: Seats, sign: int, most: int, least_gain: float = LEAST_GAIN
) -> Iterator[tuple[int, Seats]]:
    """Give one better split after the other, each with its number of swaps.

    Ends where no batch of up to `most` swaps helps, where the gain becomes small, or after many batches: towards
    easier, classes correct one another, so that only small batches help and the last of the gain is dear.
    """
    size, age = most, 0
    for _ in range(_MOST_BATCHES):
        fid = seats.prepared().distance().fid
        if age == 0:
            screen = Screen.of(seats)
        found = _improving_batch(seats, sign, fid, propose_swaps(seats, sign, size, screen))
        gain = sign * (found[1].distance().fid - fid) if found else 0.0
        if found:
            yield found
            seats, size = found[1], min(most, 2 * found[0])
        if age == 0 and gain <= least_gain * fid:
            return
        # Small gains may be the fault of an old screen.
        age = 0 if gain <= 10 * least_gain * fid else (age + 1) % _BATCHES_A_SCREEN


def _improving_batch(seats: Seats, sign: int, fid: float, swaps: tuple[Indices, Indices]) -> tuple[int, Seats] | None:
    """Make the best of some swaps together: fewer where more do not help."""
    train_seats, test_seats = swaps
    count = len(train_seats)
    while count:
        tried = seats.swapped(train_seats[:count], test_seats[:count]).prepared()
        if seats.is_better(tried.distance().fid, fid, sign):
            return count, tried
        count //= 4
    return None


def _ascend_by_lone_moves(seats: Seats, sign: int, batch: int) -> Seats:
    """Make many disjoint swaps at once while that helps, and fewer when it does not."""
    fid = seats.distance().fid
    predicted = seats.swap_scores(sign, interactions=False)
    while batch:
        train_seats, test_seats = _disjoint_pairs(seats, predicted, sign * fid, batch)
        tried = seats.swapped(train_seats, test_seats)
        tried_fid = tried.distance().fid
        if seats.is_better(tried_fid, fid, sign):
            seats, fid = tried, tried_fid
            predicted = seats.swap_scores(sign, interactions=False)
        else:
            batch = min(batch, len(train_seats)) // 3
    return seats


def _ascend_by_pairs(seats: Seats, sign: int, batch: int) -> tuple[Seats, float]:
    """Make batches of the swaps that pairs predict, and single ones, until none helps."""
    fid = seats.distance().fid
    predicted = seats.swap_scores(sign)
    while True:
        if batch > 1:
            train_seats, test_seats = _disjoint_pairs(seats, predicted, sign * fid, batch)
            tried = seats.swapped(train_seats, test_seats)
            tried_fid = tried.distance().fid
            if not seats.is_better(tried_fid, fid, sign):
                batch = min(batch, len(train_seats)) // 3
                continue
        else:
            found = _improving_swap(seats, predicted, fid, sign)
            if found is None:
                return seats, fid
            tried, tried_fid = found, found.distance().fid
            # After a single swap two may go together again.
            batch = 2
        seats, fid = tried, tried_fid
        predicted = seats.swap_scores(sign)


def improving_swap(seats: Seats, sign: int) -> Seats | None:
    """Make the single swap that changes the exact FID most, or give None where none improves it."""
    return _improving_swap(seats, seats.swap_scores(sign), seats.distance().fid, sign)


def _improving_swap(seats: Seats, predicted: NDArray[np.float64], fid: float, sign: int) -> Seats | None:
    found = best_move(predicted, seats.swapped, sign)
    return found if found and seats.is_better(found.distance().fid, fid, sign) else None


def _disjoint_pairs(seats: Seats, predicted: NDArray[np.float64], current: float, most: int) -> tuple[Indices, Indices]:
    """Give the seats of up to `most` promising swaps, no seat twice: the best pairs first."""
    rows: list[int] = []
    columns: list[int] = []
    # The best partner of any seat is among the best pairs of its row, so a few pairs a seat are enough to look at.
    for index in np.argsort(-predicted, axis=None, kind="stable")[: 4 * most * max(predicted.shape)].tolist():
        i, j = divmod(index, predicted.shape[1])
        if len(rows) == most or predicted[i, j] <= current:
            break
        if i not in rows and j not in columns:
            rows.append(i)
            columns.append(j)
    return seats.balanced_swaps(np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp))
