"""Choosing the best pair of classes from predicted scores, with exact measurement of the promising ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.seats import Seats

#: Pairs measured exactly at every step: the predictions are wrong by far less than the distance to the last of them.
SHORTLIST = 5

Pair = tuple[int, int]


def best_move(scores: NDArray[np.float64], make: Callable[[int, int], Seats], sign: int) -> Seats | None:
    """Make the move with the highest (sign 1) or lowest (sign -1) exact FID; None where no move is allowed.

    Parameters
    ----------
    scores
        Predicted score of every pair, shape (n1, n2), high where the FID will be what is wanted; minus infinity where
        a pair is not allowed.
    make
        Makes the move of a pair.
    sign
        Whether the FID is to be high or low.
    """
    made = (make(*pair) for pair in shortlist(scores))
    return max(made, key=lambda seats: sign * seats.distance().fid, default=None)


def shortlist(predicted: NDArray[np.float64]) -> list[Pair]:
    """Give the allowed pairs with the highest predictions, best first; equal ones in row order."""
    flat = predicted.ravel()
    if not len(flat):
        return []
    threshold = np.partition(flat, -SHORTLIST)[-SHORTLIST] if len(flat) > SHORTLIST else flat.min()
    candidates = np.flatnonzero((flat >= threshold) & (flat > -np.inf))
    order = candidates[np.argsort(-flat[candidates], kind="stable")][:SHORTLIST]
    return [divmod(int(index), predicted.shape[1]) for index in order]
