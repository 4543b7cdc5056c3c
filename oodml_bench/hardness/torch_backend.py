"""Linear algebra by torch, in float64."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from oodml_bench.hardness.linalg import Array, Width


def gpus() -> list[str]:
    """Name the GPUs that compute in double precision."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cuda", *(f"cuda:{index}" for index in range(count))] if count else []


class TorchBackend:
    """On a device of torch's; see `oodml_bench.hardness.linalg.Backend`.

    Parameters
    ----------
    device
        As torch names it.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)

    def matmul(self, left: NDArray[Width], right: NDArray[Width]) -> NDArray[Width]:
        """Multiply two matrices."""
        product: NDArray[Width] = (self._there(left) @ self._there(right)).cpu().numpy()
        return product

    def singular_values(self, matrix: Array) -> Array:
        """Give the singular values, descending."""
        return _back(torch.linalg.svdvals(self._there(matrix)))

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """Give U, s (descending) and V^T, with U and V square."""
        left, values, right = torch.linalg.svd(self._there(matrix), full_matrices=True)
        return _back(left), _back(values), _back(right)

    def cholesky(self, matrix: Array) -> Array:
        """Give the upper triangular factor."""
        factor, failed = torch.linalg.cholesky_ex(self._there(matrix), upper=True)
        if int(failed):
            raise np.linalg.LinAlgError(f"the leading minor of order {int(failed)} is not positive")
        return _back(factor)

    def congruence(self, factor: Array, matrix: Array) -> Array:
        """Give ``F M F^T`` for an upper triangular F and a symmetric M."""
        there = self._there(factor)
        return _back(there @ self._there(matrix) @ there.T)

    def eigenvalues(self, matrix: Array) -> Array:
        """Give the eigenvalues of a symmetric matrix, ascending."""
        return _back(torch.linalg.eigvalsh(self._there(matrix)))

    def eigh(self, matrix: Array) -> tuple[Array, Array]:
        """Give the eigenvalues of a symmetric matrix, ascending, and its eigenvectors as columns."""
        values, vectors = torch.linalg.eigh(self._there(matrix))
        return _back(values), _back(vectors)

    def solve_triangular(self, factor: Array, right: Array) -> Array:
        """Give ``F^-1 right`` for an upper triangular F."""
        return _back(torch.linalg.solve_triangular(self._there(factor), self._there(right), upper=True))

    def multiply_transposed(self, factor: Array, right: Array) -> Array:
        """Give ``F^T right`` for an upper triangular F."""
        return self.matmul(factor.T, right)

    def _there(self, matrix: NDArray[np.floating]) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(matrix), device=self._device)


def _back(tensor: torch.Tensor) -> Array:
    array: Array = tensor.cpu().numpy()
    return array
