"""Walking from any split to one that no single swap improves, in few steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.progression import Direction, sign_of
from oodml_bench.splits.ranking import Pair, highest_pair
from oodml_bench.splits.seats import Seats

Indices = NDArray[np.intp]

#: Share of the smaller side that the first batch of swaps may move.
_FIRST_BATCH = 0.25


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
    first_batch = 4 if is_near else max(1, int(_FIRST_BATCH * min(len(start.train), len(start.test))))
    seats = start if is_near else _ascend_by_lone_moves(start, sign, first_batch)
    return _ascend_by_pairs(seats, sign, first_batch)


def _ascend_by_lone_moves(seats: Seats, sign: int, batch: int) -> Seats:
    """Make many disjoint swaps at once while that helps, and fewer when it does not."""
    fid = seats.distance().fid
    predicted = sign * seats.decomposed().fid_after_swaps(interactions=False)
    while batch:
        train_seats, test_seats = _disjoint_pairs(predicted, sign * fid, batch)
        tried = seats.swapped(train_seats, test_seats)
        tried_fid = tried.distance().fid
        if seats.is_better(tried_fid, fid, sign):
            seats, fid = tried, tried_fid
            predicted = sign * seats.decomposed().fid_after_swaps(interactions=False)
        else:
            batch = min(batch, len(train_seats)) // 3
    return seats


def _ascend_by_pairs(seats: Seats, sign: int, batch: int) -> tuple[Seats, float]:
    """Make batches of the swaps that pairs predict, and single ones, until none helps."""
    fid = seats.distance().fid
    predicted = sign * seats.decomposed().fid_after_swaps()
    while True:
        if batch > 1:
            train_seats, test_seats = _disjoint_pairs(predicted, sign * fid, batch)
            tried = seats.swapped(train_seats, test_seats)
            tried_fid = tried.distance().fid
            if not seats.is_better(tried_fid, fid, sign):
                batch = min(batch, len(train_seats)) // 3
                continue
        else:
            found = _improving_swap(seats, predicted, fid, sign)
            if found is None:
                return seats, fid
            tried = seats.swapped(*found)
            tried_fid = tried.distance().fid
            # After a single swap two may go together again.
            batch = 2
        seats, fid = tried, tried_fid
        predicted = sign * seats.decomposed().fid_after_swaps()


def improving_swap(seats: Seats, sign: int) -> Pair | None:
    """Give the seats of the single swap that changes the exact FID most, or None where none improves it."""
    return _improving_swap(seats, sign * seats.decomposed().fid_after_swaps(), seats.distance().fid, sign)


def _improving_swap(seats: Seats, predicted: NDArray[np.float64], fid: float, sign: int) -> Pair | None:
    def score(i: int, j: int) -> float:
        return sign * seats.swapped(i, j).distance().fid

    pair, best = highest_pair(predicted, score)
    return pair if seats.is_better(sign * best, fid, sign) else None


def _disjoint_pairs(predicted: NDArray[np.float64], current: float, most: int) -> tuple[Indices, Indices]:
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
    return np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)
