"""How far several measurements put the same levels in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def settled(fids: Sequence[float], rounding: float) -> NDArray[np.float64]:
    """Set FIDs equal that differ by rounding alone: rounding has no order.

    Parameters
    ----------
    fids
        In any order.
    rounding
        The difference up to which two of them count as equal, in the same units.
    """
    values = np.array(fids, dtype=np.float64)
    for lower, higher in pairwise(np.argsort(values, kind="stable")):
        if values[higher] - values[lower] <= rounding:
            values[higher] = values[lower]
    return values


def rank_correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float] | None:
    """Give Spearman's rank correlation and Kendall's tau-b of two measurements of the same levels.

    Returns
    -------
    tuple of float or None
        Each from -1 to 1; None where one of the two has no order, of one level or with all values equal.
    """
    # Loaded here: it takes as long as all else that a search imports.
    from scipy import stats

    if min(np.ptp(first), np.ptp(second)) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic), float(stats.kendalltau(first, second).statistic)


def changed_neighbours(own: NDArray[np.float64], other: NDArray[np.float64]) -> list[int]:
    """Give the positions i at which values i and i + 1 stand in one order in `own` and in the opposite in `other`."""
    return [int(position) for position in np.flatnonzero(np.diff(own) * np.diff(other) < 0)]
