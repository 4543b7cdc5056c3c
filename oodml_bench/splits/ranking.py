"""Choosing the best pair of classes from predicted scores, with exact measurement of the promising ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

#: Pairs measured exactly at every step: the predictions are wrong by far less than the distance to the last of them.
SHORTLIST = 8

Pair = tuple[int, int]
Measure = Callable[[int, int], float]


def highest_pair(predicted: NDArray[np.float64], measure: Measure) -> tuple[Pair, float] | None:
    """Give the pair (i, j) with the highest measured score, and that score; None where no pair is allowed.

    Parameters
    ----------
    predicted
        Predicted score of every pair, shape (n1, n2); minus infinity where a pair is not allowed.
    measure
        Gives the exact score of a pair.
    """
    pairs = shortlist(predicted)
    if not pairs:
        return None
    scores = [measure(*pair) for pair in pairs]
    best = int(np.argmax(scores))
    return pairs[best], scores[best]


def shortlist(predicted: NDArray[np.float64]) -> list[Pair]:
    """Give the allowed pairs with the highest predictions, best first; equal ones in row order."""
    flat = predicted.ravel()
    if not len(flat):
        return []
    threshold = np.partition(flat, -SHORTLIST)[-SHORTLIST] if len(flat) > SHORTLIST else flat.min()
    candidates = np.flatnonzero((flat >= threshold) & (flat > -np.inf))
    order = candidates[np.argsort(-flat[candidates], kind="stable")][:SHORTLIST]
    return [divmod(int(index), predicted.shape[1]) for index in order]
