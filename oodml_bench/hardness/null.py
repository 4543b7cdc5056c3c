"""What the distance of a split would be if its classes had been divided at random.

Two random halves of one population are far from distance 0, and the further the fewer classes there are. Only against
random splits of the same classes at the same sizes does a distance say that two sides differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness.class_space import ClassSpace

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
    if draws < 2:
        raise SplitError(f"a null distribution needs at least 2 random splits, got {draws}")
    ordered = np.sort(classes)
    shuffles = (rng.permutation(ordered) for _ in range(draws))
    return np.array([space.distance(shuffle[:train_count], shuffle[train_count:]).fid for shuffle in shuffles])


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
