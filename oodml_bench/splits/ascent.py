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


def ascend(start: Seats, direction: Direction) -> tuple[Seats, float]:
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

    Returns
    -------
    (Seats, float)
        Where it ends, and the exact FID there.
    """
    sign = sign_of(direction)
    seats = start
    for interactions in (False, True):
        seats = _ascend_in_batches(seats, sign, interactions=interactions)
    while (found := improving_swap(seats, sign)) is not None:
        seats = seats.swapped(*found)
    return seats, seats.distance().fid


def _ascend_in_batches(seats: Seats, sign: int, *, interactions: bool) -> Seats:
    """Make many disjoint swaps at once while that helps, and fewer when it does not."""
    batch = max(1, int(_FIRST_BATCH * min(len(seats.train), len(seats.test))))
    fid = seats.distance().fid
    predicted = sign * seats.decomposed().fid_after_swaps(interactions=interactions)
    while batch:
        train_seats, test_seats = _disjoint_pairs(predicted, sign * fid, batch)
        tried = seats.swapped(train_seats, test_seats)
        tried_fid = tried.distance().fid
        if seats.is_better(tried_fid, fid, sign):
            seats, fid = tried, tried_fid
            predicted = sign * seats.decomposed().fid_after_swaps(interactions=interactions)
        else:
            batch = min(batch, len(train_seats)) // 3
    return seats


def improving_swap(seats: Seats, sign: int) -> Pair | None:
    """Give the seats of the single swap that changes the exact FID most, or None where none improves it."""

    def score(i: int, j: int) -> float:
        return sign * seats.swapped(i, j).distance().fid

    pair, best = highest_pair(sign * seats.decomposed().fid_after_swaps(), score)
    return pair if seats.is_better(sign * best, seats.distance().fid, sign) else None


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
