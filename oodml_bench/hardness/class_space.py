"""The class means of one dataset, ready for distances between many subsets of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.hardness import linalg
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.frechet import FrechetDistance, check_sizes
from oodml_bench.hardness.moments import Moments

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Up to this many classes their Gram matrix is held: 200 MB.
GRAM_CLASSES = 5_000

#: Rows that are widened to float64 at a time.
_BLOCK = 4096


class ClassSpace:
    """Named class means and the distances between subsets of them.

    Parameters
    ----------
    classes
        Names of the N classes, each once.
    means
        Class means, shape (N, D), finite. Held as given, so that float32 means of very many classes are not copied;
        everything computed from them is float64.

    Attributes
    ----------
    classes
        The names, as given.
    centre
        The common mean, shape (D,).

    Raises
    ------
    FeatureError
        Where the shapes do not fit, a name occurs twice, or a value is NaN or infinite.
    """

    def __init__(self, classes: Sequence[str], means: NDArray[np.floating]) -> None:
        self.classes = tuple(classes)
        if means.ndim != 2 or len(means) != len(self.classes):
            raise FeatureError(f"{len(self.classes)} class names need as many rows of class means, got {means.shape}")
        self._given = means
        self._refuse_not_finite()
        self._position = {name: position for position, name in enumerate(self.classes)}
        if len(self._position) != len(self.classes):
            raise FeatureError("a class name occurs twice among the class means")
        total = sum((means[part].sum(axis=0, dtype=np.float64) for part in self._parts()), np.zeros(means.shape[1]))
        self.centre: Array = total / len(means)

    @property
    def dimension(self) -> int:
        """D, the dimension of the class means."""
        return int(self._given.shape[1])

    def rows(self, indices: Indices) -> Array:
        """Give the means of some classes minus the common mean, shape (k, D)."""
        rows: Array = self._given[indices].astype(np.float64, copy=False)
        rows -= self.centre
        return rows

    def blocks(self, indices: Indices) -> Iterator[Array]:
        """Give what `rows` gives, a few thousand rows at a time."""
        return (self.rows(indices[start : start + _BLOCK]) for start in range(0, len(indices), _BLOCK))

    def mean(self, indices: Indices) -> Array:
        """Give the mean of some centred class means, shape (D,)."""
        return sum((block.sum(axis=0) for block in self.blocks(indices)), np.zeros(self.dimension)) / len(indices)

    def products(self, vectors: Array, indices: Indices) -> Array:
        """Give the inner products of some centred class means with vectors of shape (D, k): shape (n, k)."""
        return np.concatenate([linalg.active().matmul(block, vectors) for block in self.blocks(indices)])

    def quadratic_forms(self, matrix: Array, vector: Array, indices: Indices) -> Array:
        """Evaluate ``x^T matrix x + vector^T x`` for some centred class means, in single precision: shape (n,)."""
        narrow = matrix.astype(np.float32)
        blocks = (block.astype(np.float32) for block in self.blocks(indices))
        curved = np.concatenate(
            [np.einsum("ij,ij->i", linalg.active().matmul(block, narrow), block) for block in blocks]
        )
        return curved + self.products(vector[:, np.newaxis], indices)[:, 0]

    @cached_property
    def squares(self) -> Array:
        """Squared length of every centred class mean, shape (N,)."""
        everyone = np.arange(len(self.classes))
        return np.concatenate([np.einsum("ij,ij->i", block, block) for block in self.blocks(everyone)])

    @cached_property
    def gram(self) -> Array:
        """Inner products of the centred class means, shape (N, N): every distance between subsets follows from it."""
        centred = self.rows(np.arange(len(self.classes)))
        return linalg.active().matmul(centred, centred.T)

    @cached_property
    def rounding(self) -> float:
        """Give the change of a distance, in squared feature units, up to which it may be rounding alone.

        A distance is a difference of traces, and is as inexact as they are however small it is itself: this is 1e-12
        of the mean squared distance of the class means to their common mean.
        """
        return 1e-12 * float(np.mean(self.squares))

    def indices(self, names: Sequence[str]) -> Indices:
        """Give the rows of some classes, ascending.

        Raises
        ------
        SplitError
            Where a name is not among the classes.
        """
        unknown = [name for name in names if name not in self._position]
        if unknown:
            shown = ", ".join(map(repr, unknown[:5])) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            raise SplitError(f"no features for class {shown}: the features are of {len(self.classes)} other classes")
        return np.array(sorted(self._position[name] for name in names), dtype=np.intp)

    def names(self, indices: Indices) -> tuple[str, ...]:
        """Give the names of some rows, sorted."""
        return tuple(sorted(self.classes[index] for index in indices))

    def is_gram_cheaper(self, train_count: int, test_count: int) -> bool:
        """Whether distances between sides of these sizes are computed from the Gram matrix, and not from moments.

        With more classes than dimensions on either side the moments are smaller than the block of the Gram matrix;
        with very many classes in all the Gram matrix does not fit into memory.
        """
        return len(self.classes) <= GRAM_CLASSES and min(train_count, test_count) <= self.dimension

    def distance(self, train: Indices, test: Indices) -> FrechetDistance:
        """Compute the exact distance between two subsets given as rows.

        Raises
        ------
        SplitError
            Where a side holds fewer than two classes.
        """
        check_sizes(len(train), len(test))
        if self.is_gram_cheaper(len(train), len(test)):
            return CrossBlock.of(self.gram, train, test).distance()
        return Moments.of(self.blocks(train), self.blocks(test)).distance()

    def _parts(self) -> Iterator[slice]:
        return (slice(start, start + _BLOCK) for start in range(0, len(self._given), _BLOCK))

    def _refuse_not_finite(self) -> None:
        for part in self._parts():
            bad = np.flatnonzero(~np.isfinite(self._given[part]).all(axis=1))
            if len(bad):
                broken = self.classes[part.start + int(bad[0])]
                raise FeatureError(f"the class mean of {broken!r} is NaN or infinite; extract its features again")
