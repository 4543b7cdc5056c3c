"""Numbers that sum up a curve of scores over hardness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import InputError

Numbers = Sequence[float] | NDArray[np.float64]

#: Share of an interval's probability.
CONFIDENCE = 0.95


#: Share of a score up to which two means of the same scores may differ.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval.

    Attributes
    ----------
    mean
        Mean of the values.
    low, high
        Ends of the interval; None where a single value tells nothing of its spread.
    count
        Number of values.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def mean_interval(values: Numbers) -> Estimate:
    """Give the mean of independent values with its 95 % interval by Student's t distribution.

    The half width is ``t s / sqrt(n)`` with the sample standard deviation s and the 97.5 % quantile t of n - 1 degrees
    of freedom.

    Raises
    ------
    InputError
        Where there is no value.
    """
    if not len(values):
        raise InputError("there is no value to take the mean of")
    mean, count = float(np.mean(values)), len(values)
    if count == 1:
        return Estimate(mean, None, None, 1)
    from scipy.special import stdtrit

    half = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2) * np.std(values, ddof=1) / math.sqrt(count))
    return Estimate(mean, mean - half, mean + half, count)


def ags(fids: Numbers, scores: Numbers) -> float:
    """Give the aggregated generalisation score: the area under the scores over the FID, divided by the FID range.

    The area is that of trapezoids between neighbouring levels (Milbich, Roth et al., 2021, figure 4: this definition
    gives the published values from the published curves). It is the mean score over the range, in the score's unit.

    Parameters
    ----------
    fids, scores
        Of each level, in any order of the levels; as many of both, two or more.

    Raises
    ------
    InputError
        Where the numbers of levels differ, or all have one FID.
    """
    if len(fids) != len(scores) or len(fids) < 2 or np.ptp(fids) == 0:
        raise InputError(
            f"{len(fids)} FIDs and {len(scores)} scores have no area; allowed: as many of both, of two levels or more "
            "with different FIDs"
        )
    order = np.argsort(fids, kind="stable")
    x, y = np.asarray(fids, dtype=np.float64)[order], np.asarray(scores, dtype=np.float64)[order]
    return float(np.sum(np.diff(x) * (y[:-1] + y[1:]) / 2) / (x[-1] - x[0]))


def spearman(fids: Numbers, scores: Numbers) -> float | None:
    """Give Spearman's rank correlation of FIDs and scores: -1 where every level is harder than the one before.

    None where there is no order: of fewer than two levels, or with all FIDs or all scores equal.
    """
    if len(fids) < 2 or np.ptp(fids) == 0 or np.ptp(scores) == 0:
        return None
    # Loaded here: it takes as long as all else that reading results imports.
    from scipy.stats import spearmanr

    return float(spearmanr(fids, scores).statistic)


def changes(fids: Numbers, scores: Numbers) -> dict[tuple[int, int], float]:
    """Give what the score changes by between levels that are next to each other by FID, of which one has a higher FID.

    Keys are the positions of the easier and the harder level. What lies within the rounding of means of equal scores
    (a share of 1e-12) is no change: 0.
    """
    order = [int(position) for position in np.argsort(fids, kind="stable")]
    return {
        (easier, harder): 0.0
        if math.isclose(scores[harder], scores[easier], rel_tol=_ROUNDING)
        else float(scores[harder] - scores[easier])
        for easier, harder in pairwise(order)
        if fids[harder] > fids[easier]
    }


@dataclass(frozen=True)
class RankAgreement:
    """How far the levels put methods in the same order.

    Attributes
    ----------
    kendalls_w
        Kendall's coefficient of concordance, corrected for ties: 1 where all levels agree, 0 where they do not at all.
    mean_tau
        Mean over the pairs of levels of Kendall's tau-b, from -1 to 1.
    """

    kendalls_w: float
    mean_tau: float


def rank_agreement(scores: NDArray[np.float64]) -> RankAgreement | None:
    """Measure whether methods keep their order from level to level (Kendall & Babington Smith, 1939).

    Parameters
    ----------
    scores
        Shape (methods, levels), finite.

    Returns
    -------
    RankAgreement or None
        None with fewer than two methods or levels, or where a level puts no method before another.
    """
    methods, levels = scores.shape
    if min(methods, levels) < 2 or not np.ptp(scores, axis=0).all():
        return None
    from scipy.stats import kendalltau, rankdata

    ranks = rankdata(scores, axis=0)
    spread = float(np.sum((ranks.sum(axis=1) - levels * (methods + 1) / 2) ** 2))
    counts = [np.unique(level, return_counts=True)[1] for level in ranks.T]
    ties = float(sum(np.sum(count**3 - count) for count in counts))
    taus = [kendalltau(first, second).statistic for first, second in combinations(ranks.T, 2)]
    return RankAgreement(12 * spread / (levels**2 * (methods**3 - methods) - levels * ties), float(np.mean(taus)))
