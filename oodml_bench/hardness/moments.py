"""The distance from counts, sums and second moments: its cost does not grow with the number of classes.

Sides with more classes than dimensions are held as their moments, and a class that changes sides updates these in low
rank. A distance then costs two Cholesky factors and the eigenvalues of one matrix of order D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import linalg
from oodml_bench.hardness.factors import factor_of_scatter, well_conditioned_cholesky
from oodml_bench.hardness.frechet import FrechetDistance, assemble, nuclear_norm
from oodml_bench.hardness.lone_moves import LoneMoves, OwnForms

Array = NDArray[np.float64]

#: Relative error of the second moments that updates may add up to before they must be computed anew.
MAX_DRIFT = 1e-10

#: Estimated relative error of a nuclear norm up to which eigenvalues, which are cheaper, replace singular values.
_EIGENVALUE_ERROR = 1e-13

#: Share of the mean variance that is added in every direction where predictions need the inverse of a singular matrix.
_RIDGE = 1e-8


#: Share of their mean below which singular values count as so much where something is divided by them.
_LEAST_VALUE = 1e-3


@dataclass(frozen=True)
class Side:
    """The moments of one side of a split.

    Attributes
    ----------
    count
        Number of classes n.
    total
        Sum of the centred class means, shape (D,).
    second
        Sum of their outer products, shape (D, D).
    drift
        Bound on the relative error (in the trace norm) that updates have added to `second`.
    """

    count: int
    total: Array
    second: Array
    drift: float = 0.0

    @classmethod
    def of(cls, blocks: Iterable[Array]) -> Side:
        """Sum over the class means, given as blocks of rows (k, D)."""
        count, total, second = 0, np.zeros(0), np.zeros((0, 0))
        for block in blocks:
            grown = linalg.active().matmul(block.T, block)
            second = grown if count == 0 else second + grown
            total = block.sum(axis=0) if count == 0 else total + block.sum(axis=0)
            count += len(block)
        return cls(count, total, second)

    @property
    def mean(self) -> Array:
        """Mean of the class means, shape (D,)."""
        return self.total / self.count

    @property
    def scatter(self) -> Array:
        """Sum of the outer products of the deviations from the mean, shape (D, D)."""
        return self.second - np.outer(self.total, self.mean)

    def joined(self, other: Side) -> Side:
        """Give this side and another one, of other classes, together."""
        return Side(
            self.count + other.count, self.total + other.total, self.second + other.second, self.drift + other.drift
        )

    def without(self, part: Side) -> Side:
        """Give what remains when all classes of another side, which are among these, are left out."""
        return Side(self.count - part.count, self.total - part.total, self.second - part.second, self.drift)

    def changed(self, *, joining: Side, leaving: Side) -> Side:
        """Give the side after some classes joined and others left, each given as a side of their own."""
        turnover = float(np.trace(joining.second) + np.trace(leaving.second))
        size = float(np.trace(self.second))
        # The usual bound on the rounding of an inner product of k terms, and of adding it up.
        rows = joining.count + leaving.count
        added = np.finfo(np.float64).eps * ((rows + 1) * turnover / size + 1) if size > 0 else 0.0
        return Side(
            count=self.count + joining.count - leaving.count,
            total=self.total + joining.total - leaving.total,
            second=self.second + (joining.second - leaving.second),
            drift=self.drift + added,
        )


@dataclass(frozen=True)
class Moments:
    """The moments of both sides of a split."""

    train: Side
    test: Side

    @classmethod
    def of(cls, train: Iterable[Array], test: Iterable[Array]) -> Moments:
        """Sum over the centred class means of either side, given as blocks of rows (k, D)."""
        return cls(Side.of(train), Side.of(test))

    def after_swaps(self, to_test: Array, to_train: Array) -> Moments:
        """Give the moments after train classes, rows of shape (k, D), went to the test side, and others came."""
        gone, come = Side.of([to_test]), Side.of([to_train])
        return Moments(self.train.changed(joining=come, leaving=gone), self.test.changed(joining=gone, leaving=come))

    def after_removals(self, train: Array, test: Array) -> Moments:
        """Give the moments after some classes of either side, rows of shape (k, D), were removed."""
        none = Side.of([np.zeros((0, train.shape[1]))])
        return Moments(
            self.train.changed(joining=none, leaving=Side.of([train])),
            self.test.changed(joining=none, leaving=Side.of([test])),
        )

    @property
    def has_drifted(self) -> bool:
        """Whether updates may have added up to more error than is allowed."""
        return max(self.train.drift, self.test.drift) > MAX_DRIFT

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of classes of the two sides."""
        return self.train.count, self.test.count

    def distance(self) -> FrechetDistance:
        """Compute the exact distance."""
        return self.assembled(self.nuclear_norm())

    def nuclear_norm(self) -> float:
        """Give the nuclear norm of the cross block.

        It is that of ``F1 F2^T``, with factors of the two scatter matrices: the square roots of the eigenvalues of
        ``F1 M2 F1^T`` where they are accurate enough, its singular values otherwise.
        """
        train, test = (well_conditioned_cholesky(side.scatter) for side in (self.train, self.test))
        if train is not None and test is not None:
            eigenvalues = linalg.active().eigenvalues(linalg.active().congruence(train, self.test.scatter))
            norm = norm_of_eigenvalues(eigenvalues, log_determinant(train, test))
            if norm is not None:
                return norm
        left, right = (factor_of_scatter(side.scatter, side.count) for side in (self.train, self.test))
        return nuclear_norm(linalg.active().matmul(left, right.T))

    def assembled(self, norm: float) -> FrechetDistance:
        """Put the distance together, with the nuclear norm of the cross block given."""
        gap = self.train.mean - self.test.mean
        return assemble(
            mean_term=float(gap @ gap),
            scatters=(_scatter_trace(self.train), _scatter_trace(self.test)),
            nuclear_norm=norm,
            sizes=self.sizes,
        )


def _scatter_trace(side: Side) -> float:
    return float(np.trace(side.second) - side.total @ side.mean)


def log_determinant(train_factor: Array, test_factor: Array) -> float:
    """Give that of ``A^T A`` for the product A of two triangular factors."""
    return 2 * float(np.log(train_factor.diagonal()).sum() + np.log(test_factor.diagonal()).sum())


def norm_of_eigenvalues(eigenvalues: Array, expected_log_determinant: float) -> float | None:
    """Sum the square roots of ascending eigenvalues of ``A^T A``, or give None where they may be too inexact.

    How inexact they are shows in the sum of their logarithms, which is known to more digits from triangular factors.
    Errors of independent signs and of one size add up to it through ``1 / e``, and to the norm through
    ``1 / (2 sqrt e)``.
    """
    if eigenvalues[0] <= 0:
        return None
    roots = np.sqrt(eigenvalues)
    total = float(roots.sum())
    misfit = abs(float(np.log(eigenvalues).sum()) - expected_log_determinant)
    error = misfit * float(np.linalg.norm(1 / (2 * roots)) / np.linalg.norm(1 / eigenvalues))
    return total if error <= _EIGENVALUE_ERROR * total else None


@dataclass(frozen=True)
class QuadraticForm:
    """``x^T matrix x + vector^T x + constant``."""

    matrix: Array
    vector: Array
    constant: float


@dataclass(frozen=True)
class MomentDecomposition:
    """Moments with the singular value decomposition of what stands for their cross block.

    With ``F^T F`` the train scatter matrix and ``F M2 F^T = Q diag(s^2) Q^T``:

    Attributes
    ----------
    moments
        The moments.
    values
        s, ascending, shape (D,).
    to_test
        ``F^-1 Q``: takes ``e = x - m1`` to where the test scatter is ``diag(s^2)``, shape (D, D).
    to_train
        ``F^T Q``: takes ``f = x - m2`` to where its forms with the train scatter are sums, shape (D, D).
    norm
        The nuclear norm of the cross block.
    """

    moments: Moments
    values: Array
    to_test: Array
    to_train: Array
    norm: float

    @classmethod
    def of(cls, moments: Moments) -> MomentDecomposition:
        """Decompose moments.

        A nearly singular train scatter matrix has no inverse factor to work with. A small multiple of the identity is
        then added, which changes what is predicted of moves a little and the distance not at all.
        """
        train, test = moments.train.scatter, moments.test.scatter
        factor = well_conditioned_cholesky(train)
        test_factor = None if factor is None else well_conditioned_cholesky(test)
        if factor is None:
            ridge = _RIDGE * max(float(np.trace(train)) / len(train), np.finfo(np.float64).tiny)
            factor = linalg.active().cholesky(train + ridge * np.eye(len(train)))
        squares, vectors = linalg.active().eigh(linalg.active().congruence(factor, test))
        norm = None if test_factor is None else norm_of_eigenvalues(squares, log_determinant(factor, test_factor))
        return cls(
            moments,
            np.sqrt(np.maximum(squares, 0)),
            linalg.active().solve_triangular(factor, vectors),
            linalg.active().multiply_transposed(factor, vectors),
            moments.nuclear_norm() if norm is None else norm,
        )

    def distance(self) -> FrechetDistance:
        """Give the exact distance of the sides as they are."""
        return self.moments.assembled(self.norm)

    def lone_moves(self, train: Array, test: Array) -> LoneMoves:
        """Prepare what some classes of either side, given as centred rows (k, D), change by moving alone."""
        return LoneMoves(self.moments.sizes, self.values, self._forms_of(train), self._forms_of(test))

    def crossing_form(self) -> QuadraticForm:
        """Give, to the first order, what a class changes the norm by going from train to test.

        A small change dM1 of the train scatter changes the norm by ``tr(dM1 T) / 2`` with T the linear map that takes
        the train Gaussian to the test Gaussian; likewise for the test scatter.
        """
        floor = _LEAST_VALUE * float(self.values.mean())
        leaves = _weighted_products(self.to_test, self.values / 2)
        joins = _weighted_products(self.to_train, 0.5 / np.maximum(self.values, floor or 1.0))
        train, test = self.moments.train.mean, self.moments.test.mean
        return QuadraticForm(
            matrix=joins - leaves,
            vector=2 * (leaves @ train - joins @ test),
            constant=float(test @ joins @ test - train @ leaves @ train),
        )

    def _forms_of(self, rows: Array) -> Callable[[Array], OwnForms]:
        w = linalg.active().matmul(rows - self.moments.train.mean, self.to_test)
        z = linalg.active().matmul(rows - self.moments.test.mean, self.to_train)
        squares = self.values**2
        w_squares, z_squares, mixed = w**2, z**2, w * z

        def forms(nodes: Array) -> OwnForms:
            t = nodes[:, None]
            resolvents = 1 / (squares + t**2)
            return OwnForms(
                q=(squares * resolvents) @ w_squares.T, p=resolvents @ z_squares.T, s=t * (resolvents @ mixed.T)
            )

        return forms


def _weighted_products(vectors: Array, weights: Array) -> Array:
    """Give ``V diag(w) V^T``, for weights of at least 0."""
    # A product of a matrix with itself takes half the work.
    scaled = vectors * np.sqrt(weights)
    return linalg.active().matmul(scaled, scaled.T)
