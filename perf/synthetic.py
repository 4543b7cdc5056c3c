"""Class means of any number of classes, made up and seeded: what real ones look like to a distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.split import Split

SUPERCLASSES = 12

#: Mean squared distance of the class means to their common mean, and the share of it between superclasses.
_SPREAD = 300.0
_SUPERCLASS_SHARE = 0.3

#: Classes made at once: 32 MiB of float64 at 2048 dimensions.
_BLOCK = 2048


@dataclass(frozen=True)
class SyntheticClasses:
    """Named class means, and the split from which a search starts.

    Attributes
    ----------
    names
        Names of the N classes, sorted.
    means
        Class means, shape (N, D).
    train, test
        Rows of the two sides of the default split, ascending.
    """

    names: tuple[str, ...]
    means: NDArray[np.floating]
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @property
    def start(self) -> Split:
        """The default split, by names."""
        train, test = (tuple(self.names[row] for row in side) for side in (self.train, self.test))
        return Split(train, test)


def synthetic_classes(
    train_count: int, test_count: int, dimension: int, *, seed: int = 0, dtype: type[np.floating] = np.float64
) -> SyntheticClasses:
    """Make class means around 12 superclasses, with a random default split.

    Superclasses and the classes around them are Gaussian with the same power-law spectrum: variance proportional to 1/k
    along dimension k. Numbers are drawn in float64, in blocks of their own seeds, and rounded to `dtype`: no more is
    held than the means and one block, and both types give the same classes.

    Parameters
    ----------
    train_count, test_count
        Classes on the sides of the default split, which is drawn at random.
    dimension
        D.
    seed
        Decides everything.
    dtype
        `numpy.float32` or `numpy.float64`.
    """
    count = train_count + test_count
    rng = np.random.default_rng(seed)
    variances = 1 / np.arange(1, dimension + 1)
    scales = np.sqrt(_SPREAD * variances / variances.sum())
    centres = rng.standard_normal((SUPERCLASSES, dimension)) * scales * np.sqrt(_SUPERCLASS_SHARE)
    superclass = rng.integers(SUPERCLASSES, size=count)
    order = rng.permutation(count)
    means = np.empty((count, dimension), dtype=dtype)
    within = scales * np.sqrt(1 - _SUPERCLASS_SHARE)
    for first in range(0, count, _BLOCK):
        rows = slice(first, min(first + _BLOCK, count))
        block = np.random.default_rng([seed, first]).standard_normal((rows.stop - first, dimension))
        block *= within
        block += centres[superclass[rows]]
        means[rows] = block
    names = tuple(f"class_{number:06}" for number in range(count))
    return SyntheticClasses(names, means, np.sort(order[:train_count]), np.sort(order[train_count:]))
