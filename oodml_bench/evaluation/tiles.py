"""Distances between blocks of embeddings: the one product that retrieval and uniformity spend their time in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.checking import Floats, Integers

if TYPE_CHECKING:
    import torch


#: A bound of the relative error of half a squared distance, with room to spare.
_ROUNDING = np.float32(32 * np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Near:
    """Pairs of a tile that are near enough.

    Attributes
    ----------
    queries, others
        Places in the tile of the sample whose limit the pair keeps, and of the other one.
    distances
        Half the squared distance of each pair, float32.
    """

    queries: Integers
    others: Integers
    distances: Floats


class Tile(Protocol):
    """Half the squared distances between a block of rows and a block of columns."""

    def near_rows(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their row, shape (rows,)."""
        ...

    def near_columns(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their column, shape (columns,)."""
        ...

    def gaussians(self) -> tuple[float, float]:
        """Give the sum of ``exp(-2 |x - y|^2)`` over the tile, and over its diagonal."""
        ...


class Tiles(Protocol):
    """All tiles of one set of embeddings."""

    side: int

    def tile(self, rows: slice, columns: slice, barred: NDArray[np.bool_] | None = None) -> Tile:
        """Compute a tile; `barred` pairs become infinitely far."""
        ...


def tiles_of(factors: Factors, device: str) -> Tiles:
    """Prepare tiles on a device: `cpu`, `auto`, `cuda`, `cuda:N` or `mps`.

    Raises
    ------
    BackboneError
        Where this machine has no such device.
    """
    if device == "cpu":
        return CpuTiles(factors)
    from oodml_bench.features.devices import choose_device

    chosen = choose_device(device)
    return CpuTiles(factors) if chosen.type == "cpu" else TorchTiles(factors, chosen)


@dataclass(frozen=True)
class Factors:
    """Two matrices whose rows' products are half the squared distances of embeddings.

    ``(-x, |x|^2 / 2, 1) . (y, 1, |y|^2 / 2) = |x - y|^2 / 2``: the norms ride along in the product, where they cost
    nothing. The embeddings are taken less their mean, which changes no distance and saves the digits that a common
    offset would cost.

    Attributes
    ----------
    left, right
        Shape (N, D + 2), float32.
    """

    left: Floats
    right: Floats

    @classmethod
    def of(cls, embeddings: Floats) -> Factors:
        """Prepare embeddings of shape (N, D)."""
        centred = embeddings - embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        halves = (np.einsum("nd,nd->n", centred, centred, dtype=np.float64) / 2).astype(np.float32)[:, None]
        ones = np.ones_like(halves)
        return cls(np.hstack([-centred, halves, ones]), np.hstack([centred, ones, halves]))

    @property
    def halves(self) -> Floats:
        """Half the squared norm of each embedding less the mean, shape (N,)."""
        return self.left[:, -2]


def rounding(halves: Floats, distances: Floats) -> Floats:
    """Give by how much half a squared distance in a tile may be off.

    Over embeddings of many kinds, in 2 to 8192 dimensions, it was off by up to 20 times the precision of float32,
    relative to half the squared norm (`halves`) plus the distance itself.
    """
    return _ROUNDING * (halves + distances)


class CpuTiles:
    """Tiles by NumPy, small enough to stay in a processor's cache while they are looked through."""

    side = 1024

    def __init__(self, factors: Factors) -> None:
        self._factors = factors

    def tile(self, rows: slice, columns: slice, barred: NDArray[np.bool_] | None = None) -> CpuTile:
        """Compute a tile."""
        distances = self._factors.left[rows] @ self._factors.right[columns].T
        if barred is not None:
            distances[barred] = np.inf
        return CpuTile(distances)


@dataclass(frozen=True)
class CpuTile:
    """A tile in memory, shape (rows, columns), float32, C-contiguous."""

    distances: Floats

    def near_rows(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their row."""
        rows, columns, distances = self._found(self.distances <= limits[:, None])
        return Near(rows, columns, distances)

    def near_columns(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their column."""
        rows, columns, distances = self._found(self.distances <= limits)
        return Near(columns, rows, distances)

    def _found(self, mask: NDArray[np.bool_]) -> tuple[Integers, Integers, Floats]:
        # Flat: NumPy finds the few in one dimension many times faster than in two.
        places = np.flatnonzero(mask)
        rows, columns = np.divmod(places, mask.shape[1])
        return rows, columns, self.distances.ravel()[places]

    def gaussians(self) -> tuple[float, float]:
        """Sum ``exp(-2 |x - y|^2)``."""
        values = np.exp(-4 * self.distances)
        return float(values.sum(dtype=np.float64)), float(values.trace(dtype=np.float64))


class TorchTiles:
    """Tiles by torch, on a GPU; only the pairs that are near come back."""

    side = 8192

    def __init__(self, factors: Factors, device: torch.device) -> None:
        import torch

        self._left, self._right = (torch.from_numpy(matrix).to(device) for matrix in (factors.left, factors.right))

    def tile(self, rows: slice, columns: slice, barred: NDArray[np.bool_] | None = None) -> TorchTile:
        """Compute a tile."""
        import torch

        distances = self._left[rows] @ self._right[columns].T
        if barred is not None:
            distances[torch.from_numpy(barred).to(distances.device)] = torch.inf
        return TorchTile(distances)


@dataclass(frozen=True)
class TorchTile:
    """A tile on a device, shape (rows, columns), float32."""

    distances: torch.Tensor

    def near_rows(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their row."""
        rows, columns, distances = self._found(self._on_device(limits)[:, None])
        return Near(rows, columns, distances)

    def near_columns(self, limits: Floats) -> Near:
        """Give the pairs at most as far as the limit of their column."""
        rows, columns, distances = self._found(self._on_device(limits))
        return Near(columns, rows, distances)

    def _on_device(self, limits: Floats) -> torch.Tensor:
        import torch

        return torch.from_numpy(limits).to(self.distances.device)

    def _found(self, limits: torch.Tensor) -> tuple[Integers, Integers, Floats]:
        rows, columns = (self.distances <= limits).nonzero(as_tuple=True)
        return rows.cpu().numpy(), columns.cpu().numpy(), self.distances[rows, columns].cpu().numpy()

    def gaussians(self) -> tuple[float, float]:
        """Sum ``exp(-2 |x - y|^2)``: rows in float32, their sums in float64 on the processor."""
        values = (-4 * self.distances).exp()
        # A device may lack float64.
        rows, diagonal = values.sum(dim=1).cpu().double(), values.diagonal().cpu().double()
        return float(rows.sum()), float(diagonal.sum())
