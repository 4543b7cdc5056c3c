"""The block of the Gram matrix between two sides, from which their distance follows without touching features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness.frechet import FrechetDistance, assemble, nuclear_norm

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class CrossBlock:
    """What the distance between two sides needs of the Gram matrix G of all N class means.

    With the sides' means m1 and m2:

    Attributes
    ----------
    gram
        G, shape (N, N).
    train, test
        The rows of the two sides: shapes (n1,) and (n2,).
    to_train_mean, to_test_mean
        Inner products of every class mean with m1 and with m2: shapes (N,).
    means_product
        Inner product of m1 and m2.
    cross
        ``(x_i - m1) . (y_j - m2)``, shape (n1, n2).
    """

    gram: Array
    train: Indices
    test: Indices
    to_train_mean: Array
    to_test_mean: Array
    means_product: float
    cross: Array

    @classmethod
    def of(cls, gram: Array, train: Indices, test: Indices) -> CrossBlock:
        """Slice the block of two sides out of the Gram matrix."""
        to_train_mean = gram[train].mean(axis=0)
        to_test_mean = gram[test].mean(axis=0)
        means_product = float(to_train_mean[test].mean())
        cross = gram[np.ix_(train, test)] - to_test_mean[train][:, None] - to_train_mean[test][None, :] + means_product
        return cls(gram, train, test, to_train_mean, to_test_mean, means_product, cross)

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of classes of the two sides."""
        return len(self.train), len(self.test)

    @property
    def mean_term(self) -> float:
        """``|m1 - m2|^2``."""
        train_square = float(self.to_train_mean[self.train].mean())
        test_square = float(self.to_test_mean[self.test].mean())
        return train_square + test_square - 2 * self.means_product

    @property
    def train_spread(self) -> Array:
        """``|x_i - m1|^2`` of every train class, shape (n1,)."""
        return _spread(self.gram, self.train, self.to_train_mean)

    @property
    def test_spread(self) -> Array:
        """``|y_j - m2|^2`` of every test class, shape (n2,)."""
        return _spread(self.gram, self.test, self.to_test_mean)

    def distance(self) -> FrechetDistance:
        """Compute the exact distance."""
        return self.assembled(nuclear_norm(self.cross))

    def assembled(self, norm: float) -> FrechetDistance:
        """Put the distance together, with the nuclear norm of `cross` given."""
        return assemble(
            mean_term=self.mean_term,
            scatters=(float(self.train_spread.sum()), float(self.test_spread.sum())),
            nuclear_norm=norm,
            sizes=self.sizes,
        )


def _spread(gram: Array, side: Indices, to_mean: Array) -> Array:
    return gram.diagonal()[side] - 2 * to_mean[side] + to_mean[side].mean()
