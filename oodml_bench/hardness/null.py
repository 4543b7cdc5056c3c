"""What the distance of a split would be if its classes had been divided at random.

Two random halves of one population are far from distance 0, and the further the fewer classes there are. Only against
random splits of the same classes at the same sizes does a distance say that two sides differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness.class_space import GRAM_CLASSES, ClassSpace, Indices
from oodml_bench.hardness.moments import Moments, Side

#: Random splits unless told otherwise, and with more classes than a Gram matrix is held for: each is dear then, and
#: the FIDs of random splits of very many classes hardly differ.
DRAWS, DRAWS_OF_MANY = 100, 20

#: The central share of the random splits that the band holds.
BAND = 0.95


@dataclass(frozen=True)
class NullDistribution:
    """FIDs of random splits of some classes at given sizes.

    Attributes
    ----------
    draws
        Number of random splits.
    mean, sd
        Mean and standard deviation of their FIDs.
    low, high
        The central 95 % of them.
    """

    draws: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Calibration:
    """An FID against its null distribution.

    Attributes
    ----------
    null
        FIDs of random splits of the same classes at the same sizes.
    excess
        The FID minus the mean of the null.
    z
        The excess in standard deviations of the null; None where that is 0. Compares splits of one size only: with
        fewer classes the null spreads, and z falls at equal separation.
    percentile
        Share of the random splits whose FID is not higher.
    """

    null: NullDistribution
    excess: float
    z: float | None
    percentile: float

    @property
    def inside_band(self) -> bool:
        """Whether the FID cannot be told from that of a random split."""
        return self.null.low <= self.null.mean + self.excess <= self.null.high


def default_draws(class_count: int) -> int:
    """Give the number of random splits unless told otherwise."""
    return DRAWS if class_count <= GRAM_CLASSES else DRAWS_OF_MANY


def null_fids(
    space: ClassSpace, classes: NDArray[np.intp], train_count: int, *, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Measure random splits of some classes.

    Parameters
    ----------
    space
        Class means.
    classes
        Rows of the classes that are divided, both sides together.
    train_count
        Classes on the train side.
    draws
        Number of random splits, at least 2.
    rng
        Draws them.

    Returns
    -------
    ndarray
        FID of each, shape (draws,).

    Raises
    ------
    SplitError
        Where `draws` is below 2, or a side would hold fewer than two classes.
    """
    _refuse_few(draws)
    ordered = np.sort(classes)
    measure = _measure(space, ordered, train_count)
    return np.array([measure(rng.permutation(ordered)) for _ in range(draws)])


def grouped_null_fids(
    space: ClassSpace, groups: Sequence[Indices], train_count: int, *, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Measure random splits of some classes that keep groups whole.

    Each draw shuffles the groups, and the first ones whose classes add up most nearly to `train_count`, so that two
    classes or more stay on either side, are the train side: its size varies by less than a group.

    Parameters
    ----------
    space
        Class means.
    groups
        Rows of the classes of each group.
    train_count, draws, rng
        As for `null_fids`.

    Returns
    -------
    ndarray
        FID of each, shape (draws,).

    Raises
    ------
    SplitError
        Where `draws` is below 2, or no cut leaves two classes on either side.
    """
    _refuse_few(draws)
    fids = []
    for _ in range(draws):
        order = rng.permutation(len(groups))
        cut = _cut_nearest(np.cumsum([len(groups[group]) for group in order]), train_count)
        sides = (np.sort(np.concatenate([groups[group] for group in part])) for part in (order[:cut], order[cut:]))
        fids.append(space.distance(*sides).fid)
    return np.array(fids)


def _cut_nearest(ends: NDArray[np.intp], count: int) -> int:
    """Give the number of groups whose sizes, of which the running sums are given, add up most nearly to a count."""
    possible = np.flatnonzero((ends >= 2) & (ends <= ends[-1] - 2))
    if not len(possible):
        raise SplitError(f"no division of {len(ends)} groups leaves two classes on either side")
    return int(possible[np.argmin(np.abs(ends[possible] - count))]) + 1


def _refuse_few(draws: int) -> None:
    if draws < 2:
        raise SplitError(f"a null distribution needs at least 2 random splits, got {draws}")


def _measure(space: ClassSpace, classes: Indices, train_count: int) -> Callable[[Indices], float]:
    """Give what measures a shuffle of the classes.

    From moments, only the smaller side is summed anew each time: the other one holds the rest.
    """
    test_count = len(classes) - train_count
    if min(train_count, test_count) < 2 or space.is_gram_cheaper(train_count, test_count):
        return lambda shuffle: space.distance(shuffle[:train_count], shuffle[train_count:]).fid
    everyone = Side.of(space.blocks(classes))
    # The FID is the same whichever side is called train.
    smaller = min(train_count, test_count)

    def fid(shuffle: Indices) -> float:
        side = Side.of(space.blocks(np.sort(shuffle[:smaller])))
        return Moments(side, everyone.without(side)).distance().fid

    return fid


def calibrated(fid: float, null: NDArray[np.float64]) -> Calibration:
    """Set an FID against the FIDs of random splits, shape (draws,)."""
    low, high = np.quantile(null, [(1 - BAND) / 2, (1 + BAND) / 2])
    mean, sd = float(null.mean()), float(null.std(ddof=1))
    return Calibration(
        null=NullDistribution(len(null), mean, sd, float(low), float(high)),
        excess=fid - mean,
        z=(fid - mean) / sd if sd > 0 else None,
        percentile=float(np.mean(null <= fid)),
    )
