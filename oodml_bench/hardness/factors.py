"""Factors of scatter matrices: F with ``F^T F = C^T C`` for the centred class means C of a side."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml_bench.hardness import linalg

Array = NDArray[np.float64]

#: Smallest share of the largest pivot of a Cholesky factor at which the matrix does not count as nearly singular.
_SMALLEST_PIVOT = 1e-4


def factor_of_rows(centred: Array) -> Array:
    """Factor the scatter matrix of a side given as centred rows, shape (n, D): shape (at most min(n, D), D).

    By a Cholesky factor where the scatter matrix is far from singular, which is several times cheaper than QR; by QR
    otherwise, since a Cholesky factor loses half of the digits of the small singular values.
    """
    if len(centred) <= centred.shape[1]:
        return centred
    factor = well_conditioned_cholesky(linalg.active().matmul(centred.T, centred))
    if factor is not None:
        return factor
    # NumPy's types know only the modes that give two factors.
    return np.linalg.qr(centred, mode="r")  # type: ignore[return-value]


def factor_of_scatter(scatter: Array, count: int) -> Array:
    """Factor the scatter matrix, shape (D, D), of a side of some number of classes: shape (r, D), with r its rank.

    A nearly singular one takes a Cholesky factor with pivoting, which finds its rank. This is below the number of
    classes, and what lies beyond is rounding.
    """
    factor = well_conditioned_cholesky(scatter)
    return _pivoted_cholesky(scatter)[: count - 1] if factor is None else factor


def well_conditioned_cholesky(scatter: Array) -> Array | None:
    """Give the triangular factor, shape (D, D), or None where the matrix is singular or nearly so."""
    try:
        factor = linalg.active().cholesky(scatter)
    except np.linalg.LinAlgError:
        return None
    pivots = factor.diagonal()
    return factor if pivots.min() > _SMALLEST_PIVOT * pivots.max() else None


def _pivoted_cholesky(scatter: Array) -> Array:
    packed, order, rank, _ = scipy.linalg.lapack.dpstrf(scatter)
    factor = np.zeros((rank, len(scatter)))
    factor[:, order - 1] = np.triu(packed)[:rank]
    return factor
