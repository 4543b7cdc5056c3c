"""The class means of one dataset, ready for distances between many subsets of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.frechet import FrechetDistance, check_sizes, frechet_distance

Indices = NDArray[np.intp]


class ClassSpace:
    """Named class means and the distances between subsets of them.

    Parameters
    ----------
    classes
        Names of the N classes, each once.
    means
        Class means, shape (N, D), finite. Kept in float64, centred on their common mean.

    Raises
    ------
    FeatureError
        Where the shapes do not fit, a name occurs twice, or a value is NaN or infinite.
    """

    def __init__(self, classes: Sequence[str], means: NDArray[np.floating]) -> None:
        self.classes = tuple(classes)
        if means.ndim != 2 or len(means) != len(self.classes):
            raise FeatureError(f"{len(self.classes)} class names need as many rows of class means, got {means.shape}")
        if not np.isfinite(means).all():
            broken = self.classes[int(np.flatnonzero(~np.isfinite(means).all(axis=1))[0])]
            raise FeatureError(f"the class mean of {broken!r} is NaN or infinite; extract its features again")
        self._position = {name: position for position, name in enumerate(self.classes)}
        if len(self._position) != len(self.classes):
            raise FeatureError("a class name occurs twice among the class means")
        exact = means.astype(np.float64)
        self.means = exact - exact.mean(axis=0)

    @cached_property
    def gram(self) -> NDArray[np.float64]:
        """Inner products of the centred class means, shape (N, N): every distance between subsets follows from it."""
        return self.means @ self.means.T

    @cached_property
    def rounding(self) -> float:
        """Give the change of a distance, in squared feature units, up to which it may be rounding alone.

        A distance is a difference of traces, and is as inexact as they are however small it is itself: this is 1e-12
        of the mean squared distance of the class means to their common mean.
        """
        return 1e-12 * float(np.mean(np.sum(self.means**2, axis=1)))

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

    def distance(self, train: Indices, test: Indices) -> FrechetDistance:
        """Compute the exact distance between two subsets given as rows.

        Raises
        ------
        SplitError
            Where a side holds fewer than two classes.
        """
        check_sizes(len(train), len(test))
        if min(len(train), len(test)) <= self.means.shape[1]:
            return CrossBlock.of(self.gram, train, test).distance()
        return frechet_distance(self.means[train], self.means[test])
