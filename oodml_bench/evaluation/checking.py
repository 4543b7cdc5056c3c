"""What embeddings and labels must be before they are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import EmbeddingError
from oodml_bench.features.spooling import gathered

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

#: Squared lengths up to which sums of three of them stay within float32.
_LONGEST = 1e37


@dataclass(frozen=True)
class LabelledEmbeddings:
    """Embeddings that can be scored.

    Attributes
    ----------
    embeddings
        Shape (N, D), float32, finite, C-contiguous.
    codes
        The class of each row, from 0 to C - 1, in the order of the labels.
    sizes
        Samples of each class, shape (C,).
    """

    embeddings: Floats
    codes: Integers
    sizes: Integers

    def of_classes(self, chosen: Integers) -> LabelledEmbeddings:
        """Give the rows of some classes (ascending codes), in the same order."""
        rows = np.flatnonzero(np.isin(self.codes, chosen))
        codes = np.searchsorted(chosen, self.codes[rows]).astype(np.int64)
        return LabelledEmbeddings(gathered(self.embeddings, rows), codes, self.sizes[chosen])


def checked(embeddings: NDArray[Any], labels: NDArray[Any]) -> LabelledEmbeddings:
    """Check embeddings and labels; embeddings of another precision are rounded to float32.

    Parameters
    ----------
    embeddings
        Shape (N, D), real numbers.
    labels
        Shape (N,), integers.

    Raises
    ------
    EmbeddingError
        Where a shape or a type is another, a number is not finite or too large, or there are fewer than two classes.
    """
    matrix = _matrix(np.asarray(embeddings))
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(matrix),):
        raise EmbeddingError(
            f"labels of shape {labels.shape} and dtype {labels.dtype} do not fit {len(matrix)} embeddings; allowed: "
            "one integer an embedding"
        )
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise EmbeddingError(f"embeddings of {len(sizes)} class cannot be scored; at least 2 classes are needed")
    return LabelledEmbeddings(matrix, codes.astype(np.int64), sizes.astype(np.int64))


def _matrix(embeddings: NDArray[Any]) -> Floats:
    if embeddings.dtype.kind not in "fiu" or embeddings.ndim != 2 or 0 in embeddings.shape:
        raise EmbeddingError(
            f"embeddings of shape {embeddings.shape} and dtype {embeddings.dtype} cannot be scored; allowed: (N, D) "
            "real numbers, a row a sample"
        )
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(embeddings, dtype=np.float32)
    squared = np.einsum("nd,nd->n", matrix, matrix, dtype=np.float64)
    bad = np.flatnonzero(~(squared < _LONGEST))
    if bad.size:
        row = int(bad[0])
        what = "is too long for float32" if np.isfinite(embeddings[row]).all() else "holds NaN or infinity"
        raise EmbeddingError(f"the embedding in row {row} {what} ({bad.size} of {len(matrix)} rows do)")
    return matrix
