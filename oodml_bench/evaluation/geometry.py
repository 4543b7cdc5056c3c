"""How an embedding lays out its classes: distances within and between them, and how evenly it fills the space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation.checking import LabelledEmbeddings
from oodml_bench.evaluation.tiles import Factors, tiles_of

Doubles = NDArray[np.float64]

GEOMETRY_METRICS = ("intra", "inter", "intra_over_inter", "rho", "alignment", "uniformity")

#: Rows that a QR decomposition takes at once.
_BLOCK = 8192


def geometry_scores(samples: LabelledEmbeddings, metrics: Sequence[str], *, device: str = "cpu") -> dict[str, float]:
    """Measure the layout of embeddings.

    With u the embeddings divided by their lengths:

    - ``intra``: mean over the classes with two samples or more of the mean cosine distance ``1 - u . u'`` of their
      pairs (Roth et al., 2020, section 5).
    - ``inter``: mean cosine distance of the pairs of class means, each the mean of a class's embeddings as given.
    - ``intra_over_inter``: their ratio; infinite where all class means point one way.
    - ``rho``: spectral decay, ``KL(uniform || s)`` with s the singular values of the matrix of embeddings as given, not
      centred, divided by their sum (Roth et al., 2020, section 5). 0 where all directions matter alike; infinite where
      the embeddings fill fewer than min(N, D) dimensions, up to the rounding of float32.
    - ``alignment``: mean of ``|u - u'|^2`` over all pairs of one class (Wang & Isola, 2020, equation 1, alpha 2).
    - ``uniformity``: logarithm of the mean of ``exp(-2 |u - u'|^2)`` over all pairs (Wang & Isola, 2020, equation 2, t
      2). It is summed over every pair, in float32 distances.

    Sums over the pairs of a class have closed forms, and only uniformity looks at every pair.

    Parameters
    ----------
    samples
        What is measured.
    metrics
        Of `GEOMETRY_METRICS`.
    device
        Where uniformity is computed.

    Raises
    ------
    EmbeddingError
        Where an embedding or a class mean is zero and a metric needs its direction, or where no class has two samples
        and a metric needs pairs of one class.
    """
    layout = _Layout(samples, device)
    return {name: float(getattr(layout, name)) for name in metrics}


class _Layout:
    """Embeddings, and what several metrics need of them, computed once; the metrics by name."""

    def __init__(self, samples: LabelledEmbeddings, device: str) -> None:
        self._embeddings, self._codes, self._sizes = samples.embeddings, samples.codes, samples.sizes
        self._device = device

    @cached_property
    def _units(self) -> Doubles:
        lengths = np.linalg.norm(self._embeddings.astype(np.float64), axis=1, keepdims=True)
        zero = np.flatnonzero(lengths == 0)
        if zero.size:
            raise EmbeddingError(
                f"the embedding in row {zero[0]} is zero ({zero.size} of {len(lengths)} rows are): it has no cosine to "
                "another. Leave these samples out, or ask for metrics that need none: recall, map, nmi, f1, rho"
            )
        return self._embeddings / lengths

    def _class_sums(self, vectors: NDArray[np.floating]) -> Doubles:
        """Sum the vectors of each class, shape (C, D)."""
        order = np.argsort(self._codes, kind="stable")
        starts = np.cumsum(self._sizes) - self._sizes
        return np.add.reduceat(vectors[order], starts, axis=0, dtype=np.float64)

    @cached_property
    def _paired(self) -> tuple[Doubles, Doubles]:
        """Of each class that has pairs: its size, and the squared length of the sum of its unit vectors."""
        paired = self._sizes > 1
        if not paired.any():
            raise EmbeddingError(
                "no class has two samples; intra, intra_over_inter and alignment need pairs of one class"
            )
        sums = self._class_sums(self._units)[paired]
        return self._sizes[paired].astype(np.float64), np.einsum("cd,cd->c", sums, sums)

    @cached_property
    def intra(self) -> float:
        sizes, squares = self._paired
        # The sum of u . u' over the ordered pairs of n unit vectors is |sum u|^2 - n.
        return float(np.mean(1 - (squares - sizes) / (sizes * (sizes - 1))))

    @cached_property
    def inter(self) -> float:
        means = self._class_sums(self._embeddings) / self._sizes[:, None]
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        zero = np.flatnonzero(lengths == 0)
        if zero.size:
            row = np.flatnonzero(self._codes == zero[0])[0]
            raise EmbeddingError(
                f"the mean of the class of row {row} is zero: it has no cosine to another. Ask for metrics other than "
                "inter and intra_over_inter"
            )
        total, count = (means / lengths).sum(axis=0), len(means)
        return float(1 - (total @ total - count) / (count * (count - 1)))

    @property
    def intra_over_inter(self) -> float:
        # Rounding may leave a little less than nothing of a distance that is zero.
        return self.intra / self.inter if self.inter > 0 else float("inf")

    @property
    def rho(self) -> float:
        triangle: NDArray[np.float64] = np.empty((0, self._embeddings.shape[1]))
        for start in range(0, len(self._embeddings), _BLOCK):
            # A matrix and the triangle of its QR decomposition have the same singular values.
            rows = self._embeddings[start : start + _BLOCK]
            triangle = np.asarray(np.linalg.qr(np.vstack([triangle, rows]), mode="r"))
        values = np.linalg.svd(triangle, compute_uv=False)
        if values[-1] <= values[0] * np.finfo(np.float32).eps:
            return float("inf")
        return float(-np.log(len(values)) - np.mean(np.log(values / values.sum())))

    @property
    def alignment(self) -> float:
        sizes, squares = self._paired
        # The sum of |u - u'|^2 over the pairs of n unit vectors is n^2 - |sum u|^2.
        return float((sizes**2 - squares).sum() / (sizes * (sizes - 1) / 2).sum())

    @property
    def uniformity(self) -> float:
        tiles = tiles_of(Factors.of(self._units.astype(np.float32)), self._device)
        count = len(self._codes)
        starts = range(0, count, tiles.side)
        total = 0.0
        for row in starts:
            for column in range(row, count, tiles.side):
                tile = tiles.tile(slice(row, row + tiles.side), slice(column, column + tiles.side))
                whole, diagonal = tile.gaussians()
                total += (whole - diagonal) / 2 if row == column else whole
        return float(np.log(total / (count * (count - 1) / 2)))
