"""Comparing distances that float32 cannot tell apart."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.checking import Floats, Integers

#: Numbers that are worked on in float64 at once: 32 MiB.
_HELD = 2**22

#: Bytes of a digest: that two rows which differ share one is not to be feared.
_DIGEST = 16


class NearTies:
    """Decides which of two samples is nearer to a third, without the errors of a matrix product.

    Squares of differences are summed in float64, always in the same order: the answer is the same whatever the blocks,
    threads or device that found the pair, and equal differences give equal distances.

    Parameters
    ----------
    embeddings
        Shape (N, D), float32.
    """

    def __init__(self, embeddings: Floats) -> None:
        self._embeddings = embeddings

    @cached_property
    def _points(self) -> NDArray[np.void]:
        """A digest of each row, the same for equal rows: duplicates, which may be very many, need no arithmetic."""
        digests = np.empty(len(self._embeddings), dtype=f"V{_DIGEST}")
        for row, embedding in enumerate(self._embeddings):
            # Minus zero is zero.
            digests[row] = blake2b((embedding + np.float32(0)).data, digest_size=_DIGEST).digest()
        return digests

    def first_is_at_most_as_far(self, queries: Integers, first: Integers, second: Integers) -> NDArray[np.bool_]:
        """Compare the distances of pairs: arguments are rows, of one shape (P,)."""
        answers = self._points[first] == self._points[second]
        open_ = np.flatnonzero(~answers)
        step = max(1, _HELD // self._embeddings.shape[1])
        for start in range(0, len(open_), step):
            some = open_[start : start + step]
            centres = self._embeddings[queries[some]].astype(np.float64)
            answers[some] = self._squared(centres, first[some]) <= self._squared(centres, second[some])
        return answers

    def _squared(self, centres: NDArray[np.float64], rows: Integers) -> NDArray[np.float64]:
        gaps = self._embeddings[rows] - centres
        return np.einsum("pd,pd->p", gaps, gaps)
