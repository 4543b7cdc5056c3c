"""How an embedding lays out its classes: distances within and between them, and how evenly it fills the space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation.checking import Integers, LabelledEmbeddings
from oodml_bench.evaluation.tiles import Factors, tiles_of
from oodml_bench.features.spooling import spooled

Doubles = NDArray[np.float64]
Number = TypeVar("Number", bound=np.floating)

GEOMETRY_METRICS = ("intra", "inter", "intra_over_inter", "rho", "alignment", "uniformity")

#: Rows that are worked on at once.
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
    def _lengths(self) -> Doubles:
        """The length of each embedding, shape (N, 1); none is zero."""
        lengths = np.concatenate(
            [np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True) for rows in _in_blocks(self._embeddings)]
        )
        zero = np.flatnonzero(lengths == 0)
        if zero.size:
            raise EmbeddingError(
                f"the embedding in row {zero[0]} is zero ({zero.size} of {len(lengths)} rows are): it has no cosine to "
                "another. Leave these samples out, or ask for metrics that need none: recall, map, nmi, f1, rho"
            )
        return lengths

    def _class_sums(self, lengths: Doubles | None = None) -> Doubles:
        """Sum the embeddings of each class, divided by their lengths where these are given: shape (C, D)."""
        order = np.argsort(self._codes, kind="stable")
        ends = np.cumsum(self._sizes)
        sums: list[Doubles] = []
        for classes in _classes_in_blocks(self._sizes):
            starts = ends[classes] - self._sizes[classes]
            rows = order[starts[0] : ends[classes][-1]]
            vectors = self._embeddings[rows] if lengths is None else self._embeddings[rows] / lengths[rows]
            sums.append(np.add.reduceat(vectors, starts - starts[0], axis=0, dtype=np.float64))
        return np.concatenate(sums)

    @cached_property
    def _paired(self) -> tuple[Doubles, Doubles]:
        """Of each class that has pairs: its size, and the squared length of the sum of its unit vectors."""
        paired = self._sizes > 1
        if not paired.any():
            raise EmbeddingError(
                "no class has two samples; intra, intra_over_inter and alignment need pairs of one class"
            )
        sums = self._class_sums(self._lengths)[paired]
        return self._sizes[paired].astype(np.float64), np.einsum("cd,cd->c", sums, sums)

    @cached_property
    def intra(self) -> float:
        sizes, squares = self._paired
        # The sum of u . u' over the ordered pairs of n unit vectors is |sum u|^2 - n.
        return float(np.mean(1 - (squares - sizes) / (sizes * (sizes - 1))))

    @cached_property
    def inter(self) -> float:
        means = self._class_sums() / self._sizes[:, None]
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
        for rows in _in_blocks(self._embeddings):
            # A matrix and the triangle of its QR decomposition have the same singular values.
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
        pairs = zip(_in_blocks(self._embeddings), _in_blocks(self._lengths), strict=True)
        units = spooled((rows / lengths).astype(np.float32) for rows, lengths in pairs)
        tiles = tiles_of(Factors.of(units), self._device)
        count = len(self._codes)

        def gaussians(row: int, column: int) -> float:
            tile = tiles.tile(slice(row, row + tiles.side), slice(column, column + tiles.side))
            whole, diagonal = tile.gaussians()
            return (whole - diagonal) / 2 if row == column else whole

        total = 0.0
        with tiles.side_by_side() as threads, ThreadPoolExecutor(threads) as pool:
            for row in range(0, count, tiles.side):
                total += sum(pool.map(partial(gaussians, row), range(row, count, tiles.side)))
        return float(np.log(total / (count * (count - 1) / 2)))


def _in_blocks(matrix: NDArray[Number]) -> Iterator[NDArray[Number]]:
    return (matrix[start : start + _BLOCK] for start in range(0, len(matrix), _BLOCK))


def _classes_in_blocks(sizes: Integers) -> Iterator[slice]:
    """Put neighbouring classes together, as far as their samples may be held at once."""
    first, held = 0, 0
    for number, size in enumerate(sizes.tolist()):
        if number > first and held + size > _BLOCK:
            yield slice(first, number)
            first, held = number, 0
        held += size
    yield slice(first, len(sizes))
