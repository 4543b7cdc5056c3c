"""The dense linear algebra of distances and searches: NumPy and SciPy, or torch on a GPU.

Arrays go in and come out as NumPy's, and both give the same float64 numbers but for rounding: distances agree to 1e-9,
while a search may take another path where moves are equally good.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml_bench.errors import InputError

Array = NDArray[np.float64]
Width = TypeVar("Width", bound=np.floating)


class Backend(Protocol):
    """Where matrices are multiplied and decomposed."""

    def matmul(self, left: NDArray[Width], right: NDArray[Width]) -> NDArray[Width]:
        """Multiply two matrices."""

    def singular_values(self, matrix: Array) -> Array:
        """Give the singular values, descending."""

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """Give U, s (descending) and V^T, with U and V square."""

    def cholesky(self, matrix: Array) -> Array:
        """Give the upper triangular F with ``F^T F`` the symmetric matrix.

        Raises
        ------
        numpy.linalg.LinAlgError
            Where it is not positive definite.
        """

    def congruence(self, factor: Array, matrix: Array) -> Array:
        """Give ``F M F^T`` for an upper triangular F and a symmetric M."""

    def eigenvalues(self, matrix: Array) -> Array:
        """Give the eigenvalues of a symmetric matrix, ascending."""

    def eigh(self, matrix: Array) -> tuple[Array, Array]:
        """Give the eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns."""

    def solve_triangular(self, factor: Array, right: Array) -> Array:
        """Give ``F^-1 right`` for an upper triangular F."""

    def multiply_transposed(self, factor: Array, right: Array) -> Array:
        """Give ``F^T right`` for an upper triangular F."""


class NumpyBackend:
    """On the processor."""

    def matmul(self, left: NDArray[Width], right: NDArray[Width]) -> NDArray[Width]:
        """Multiply two matrices."""
        product: NDArray[Width] = left @ right
        return product

    def singular_values(self, matrix: Array) -> Array:
        """Give the singular values, descending."""
        values: Array = scipy.linalg.svdvals(matrix, check_finite=False)
        return values

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """Give U, s (descending) and V^T, with U and V square."""
        left, values, right = scipy.linalg.svd(matrix, check_finite=False)
        return left, values, right

    def cholesky(self, matrix: Array) -> Array:
        """Give the upper triangular factor."""
        factor: Array = scipy.linalg.cholesky(matrix, check_finite=False)
        return factor

    def congruence(self, factor: Array, matrix: Array) -> Array:
        """Give ``F M F^T`` for an upper triangular F and a symmetric M."""
        # Half the work of two matrix products. LAPACK's sygst takes a quarter, and loses the small eigenvalues.
        half = scipy.linalg.blas.dtrmm(1.0, factor, matrix, lower=0)
        whole: Array = scipy.linalg.blas.dtrmm(1.0, factor, half, side=1, lower=0, trans_a=1, overwrite_b=1)
        return whole

    def eigenvalues(self, matrix: Array) -> Array:
        """Give the eigenvalues of a symmetric matrix, ascending."""
        values: Array = scipy.linalg.eigvalsh(matrix, driver="evd", check_finite=False)
        return values

    def eigh(self, matrix: Array) -> tuple[Array, Array]:
        """Give the eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns."""
        values, vectors = scipy.linalg.eigh(matrix, driver="evd", check_finite=False)
        return values, vectors

    def solve_triangular(self, factor: Array, right: Array) -> Array:
        """Give ``F^-1 right`` for an upper triangular F."""
        solution: Array = scipy.linalg.solve_triangular(factor, right, check_finite=False)
        return solution

    def multiply_transposed(self, factor: Array, right: Array) -> Array:
        """Give ``F^T right`` for an upper triangular F."""
        product: Array = scipy.linalg.blas.dtrmm(1.0, factor, right, lower=0, trans_a=1)
        return product


_PROCESSOR = NumpyBackend()
_ACTIVE: ContextVar[Backend] = ContextVar("linear algebra", default=_PROCESSOR)


def active() -> Backend:
    """Give the backend of this context."""
    return _ACTIVE.get()


@contextmanager
def using(backend: Backend) -> Iterator[None]:
    """Compute with a backend inside the `with` block."""
    token = _ACTIVE.set(backend)
    try:
        yield
    finally:
        _ACTIVE.reset(token)


@contextmanager
def on_device(device: str) -> Iterator[None]:
    """Compute distances on a device inside the `with` block.

    Parameters
    ----------
    device
        `cpu`: NumPy and SciPy. `cuda` or `cuda:N`: torch on a GPU, which pays from some thousands of dimensions on.

    Raises
    ------
    InputError
        Where there is no such device.
    """
    if device == "cpu":
        yield
        return
    # Torch takes seconds to import.
    from oodml_bench.hardness.torch_backend import TorchBackend, gpus

    available = gpus()
    if device not in available:
        raise InputError(
            f"device {device!r} is not available for distances; allowed here: {', '.join(['cpu', *available])}"
        )
    with using(TorchBackend(device)):
        yield
