"""The exact squared Fréchet distance between two sets of class means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.hardness import linalg
from oodml_bench.hardness.factors import factor_of_rows, factor_of_scatter


@dataclass(frozen=True)
class FrechetDistance:
    """Squared Fréchet distance between the Gaussians fitted to two sets of class means, in squared feature units.

    Attributes
    ----------
    mean_term
        Squared Euclidean distance between the two means, at least 0.
    covariance_term
        ``tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)`` of the unbiased covariances, at least 0.
    """

    mean_term: float
    covariance_term: float

    @property
    def fid(self) -> float:
        """The distance: the sum of the two terms."""
        return self.mean_term + self.covariance_term


def frechet_distance(
    train: NDArray[np.float64], test: NDArray[np.float64], *, shrinkage: float = 0.0, eps: float = 0.0
) -> FrechetDistance:
    """Compute the exact squared Fréchet distance between two sets of class means.

    ``FID = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)`` (Dowson and Landau, 1982; Heusel et al., 2017). With the
    centred class means C1 and C2 as rows, the last trace is the nuclear norm of ``C1 C2^T`` over
    ``sqrt((n1 - 1)(n2 - 1))``: no matrix square root is taken, and rank-deficient covariances, the usual case with
    fewer classes than dimensions, lose nothing. A side with more classes than dimensions is first replaced by a
    triangular factor, which has the same covariance.

    Parameters
    ----------
    train, test
        Class means, one a row: shapes (n1, D) and (n2, D), with n1 and n2 at least 2. Computed in float64.
    shrinkage
        Share, from 0 to 1, by which either covariance is replaced by a multiple of the identity of the same trace
        (Ledoit and Wolf, 2004). Lowers what chance adds to the distance of few classes.
    eps
        Added to the diagonals of both covariances inside the square root, and there only, as the published ooDML code
        does with 1e-8, in squared feature units. The covariance term may fall below 0.

    Returns
    -------
    FrechetDistance
        Symmetric in the two sides. Without `eps`, rounding below zero is set to exactly 0.

    Raises
    ------
    SplitError
        Where a side holds fewer than two classes: one class has no covariance.
    FeatureError
        Where the sides differ in dimension, a value is NaN or infinite, or `shrinkage` or `eps` is out of range.
    """
    if not 0 <= shrinkage <= 1 or not 0 <= eps < np.inf:
        raise FeatureError(
            f"the shrinkage must be from 0 to 1 and eps at least 0 and finite, got {shrinkage} and {eps}"
        )
    train, test = np.asarray(train, dtype=np.float64), np.asarray(test, dtype=np.float64)
    _check_sides(train, test)
    (train, train_mean, train_rest), (test, test_mean, test_rest) = _centred(train), _centred(test)
    gap = (train_mean - test_mean) + (train_rest - test_rest)
    train_factor, test_factor = factor_of_rows(train), factor_of_rows(test)
    if shrinkage or eps:
        return _regularised(gap, (train_factor, test_factor), (len(train), len(test)), shrinkage, eps)
    return assemble(
        mean_term=float(gap @ gap),
        scatters=(_sum_of_squares(train_factor), _sum_of_squares(test_factor)),
        nuclear_norm=nuclear_norm(linalg.active().matmul(train_factor, test_factor.T)),
        sizes=(len(train), len(test)),
    )


def _regularised(
    gap: NDArray[np.float64],
    factors: tuple[NDArray[np.float64], NDArray[np.float64]],
    sizes: tuple[int, int],
    shrinkage: float,
    eps: float,
) -> FrechetDistance:
    """Put the distance of changed covariances together: neither change shows in the traces, only in the cross trace."""
    covariances = [factor.T @ factor / (size - 1) for factor, size in zip(factors, sizes, strict=True)]
    traces = [float(np.trace(covariance)) for covariance in covariances]
    roots = []
    for covariance, trace in zip(covariances, traces, strict=True):
        added = shrinkage * trace / len(gap) + eps
        changed = (1 - shrinkage) * covariance + added * np.eye(len(gap))
        roots.append(factor_of_scatter(changed, len(gap) + 1))
    covariance_term = traces[0] + traces[1] - 2 * nuclear_norm(roots[0] @ roots[1].T)
    return FrechetDistance(float(gap @ gap), covariance_term if eps else max(covariance_term, 0.0))


def assemble(
    *, mean_term: float, scatters: tuple[float, float], nuclear_norm: float, sizes: tuple[int, int]
) -> FrechetDistance:
    """Put the distance together.

    Parameters
    ----------
    mean_term
        ``|m1 - m2|^2``.
    scatters
        ``tr C1 C1^T`` and ``tr C2 C2^T``: sums of squared distances to each side's own mean.
    nuclear_norm
        Of ``C1 C2^T``.
    sizes
        The numbers of classes n1 and n2.
    """
    first, second = sizes[0] - 1, sizes[1] - 1
    cross_trace = nuclear_norm / np.sqrt(float(first) * second)
    covariance_term = scatters[0] / first + scatters[1] / second - 2 * cross_trace
    # Never below zero in exact arithmetic.
    return FrechetDistance(mean_term=max(mean_term, 0.0), covariance_term=max(float(covariance_term), 0.0))


def nuclear_norm(matrix: NDArray[np.float64]) -> float:
    """Sum the singular values; by SVD, since squared eigenvalues would lose half of the digits."""
    return float(np.sum(linalg.active().singular_values(matrix)))


def _centred(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Subtract the mean of some rows; give it in two parts, of which the second is what rounding left in the first."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    rest = centred.mean(axis=0)
    centred -= rest
    return centred, mean, rest


def _sum_of_squares(matrix: NDArray[np.float64]) -> float:
    return float(np.einsum("ij,ij->i", matrix, matrix).sum())


def check_sizes(train_count: int, test_count: int) -> None:
    """Raise `SplitError` where a side is too small to have a covariance."""
    if min(train_count, test_count) < 2:
        raise SplitError(
            f"a distance needs at least 2 classes on each side, got {train_count} train and {test_count} test classes"
        )


def _check_sides(train: NDArray[np.float64], test: NDArray[np.float64]) -> None:
    if train.ndim != 2 or test.ndim != 2 or train.shape[1] != test.shape[1]:
        raise FeatureError(
            f"class means must be two arrays (classes, D) of one dimension D, got shapes {train.shape} and {test.shape}"
        )
    check_sizes(len(train), len(test))
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise FeatureError("class means hold NaN or infinite values")
