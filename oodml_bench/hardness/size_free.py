"""Distances between two sets of classes that do not depend on how many classes there are.

An FID grows as classes get fewer. These two have expectation 0 for random splits of any population at any size, and
the same expectation at every size for sides that differ: they may be compared between levels of different sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness.class_space import ClassSpace, Indices
from oodml_bench.hardness.frechet import check_sizes

Array = NDArray[np.float64]

#: Classes whose inner products are held at once, a side: memory is that of a few of these blocks, whatever the sizes.
_BLOCK = 512

#: Classes in all up to which they are computed: it takes half a minute there.
MAX_CLASSES = 25_000


@dataclass(frozen=True)
class SizeFree:
    """Distances whose expectation does not depend on the numbers of classes. Either may fall below 0 by chance.

    Attributes
    ----------
    mean_distance
        ``|m1 - m2|^2 - tr S1/n1 - tr S2/n2`` with the unbiased covariances, in squared feature units: the squared
        distance between the two means without what chance adds to it.
    kid
        Squared maximum mean discrepancy of the class means with the kernel ``(x . y / D + 1)^3``, without unit
        (Binkowski et al., 2018: the kernel inception distance). It sees differences of mean, covariance and skewness,
        and depends on where the origin lies.
    """

    mean_distance: float
    kid: float


def size_free(space: ClassSpace, train: Indices, test: Indices) -> SizeFree | None:
    """Measure two sides by means that do not depend on their sizes.

    Both are unbiased estimates (Gretton et al., 2012, equation 3) of a squared maximum mean discrepancy: the mean of a
    kernel over the pairs of different classes of either side, minus twice its mean over the pairs between the sides.
    With the inner product as the kernel that is the distance between the means. All sums run over blocks.

    Parameters
    ----------
    space
        Class means.
    train, test
        Rows of the two sides: shapes (n1,) and (n2,), ascending.

    Returns
    -------
    SizeFree, or None
        None with more than `MAX_CLASSES` classes: the cost grows with the square of their number.

    Raises
    ------
    SplitError
        Where a side holds fewer than two classes.
    """
    check_sizes(len(train), len(test))
    if len(train) + len(test) > MAX_CLASSES:
        return None
    inside_train, inside_test = _mean_inside(space, train), _mean_inside(space, test)
    mean_distance, kid = inside_train + inside_test - 2 * _mean_between(space, train, test)
    return SizeFree(float(mean_distance), float(kid))


def _mean_inside(space: ClassSpace, side: Indices) -> Array:
    """Give the mean of both kernels over the pairs of different classes of one side, shape (2,)."""
    total = np.zeros(2)
    blocks = list(_blocks(side))
    for number, rows in enumerate(blocks):
        within = _kernels(space, rows, rows)
        total += within.sum(axis=(1, 2)) - within.trace(axis1=1, axis2=2)
        for columns in blocks[number + 1 :]:
            total += 2 * _kernels(space, rows, columns).sum(axis=(1, 2))
    return total / (len(side) * (len(side) - 1))


def _mean_between(space: ClassSpace, train: Indices, test: Indices) -> Array:
    """Give the mean of both kernels over the pairs of a train and a test class, shape (2,)."""
    total = np.zeros(2)
    for rows in _blocks(train):
        for columns in _blocks(test):
            total += _kernels(space, rows, columns).sum(axis=(1, 2))
    return total / (len(train) * len(test))


def _blocks(side: Indices) -> Iterator[Indices]:
    return (side[start : start + _BLOCK] for start in range(0, len(side), _BLOCK))


def _kernels(space: ClassSpace, rows: Indices, columns: Indices) -> Array:
    """Give the inner products of centred class means, and the cubic kernel of the class means as they were given.

    The centred ones serve the distance between the means as well, which a shift does not change, and lose fewer digits.
    """
    first, second, centre = space.rows(rows), space.rows(columns), space.centre
    centred = first @ second.T
    given = centred + (first @ centre)[:, None] + second @ centre + centre @ centre
    base = given / len(centre) + 1
    # Many times faster than a power.
    return np.stack([centred, base * base * base])
