"""Graded splits of arrays, by scikit-learn's protocol of splitters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.features import features_from_arrays
from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.building import build
from oodml_bench.splits.progression import Method

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class OODSplitter:
    """Splits samples into train and test by whole classes, from easy to far out of distribution.

    A cross-validator as scikit-learn's `GroupShuffleSplit`: it gives a train and a test set for each level of a graded
    benchmark of the samples, by rising FID. Samples of removed classes are on neither side.

    Attributes
    ----------
    levels
        Number of levels, from 1.
    method
        See `oodml_bench.build`.
    min_classes
        Classes a side at which removal stops; see `oodml_bench.build`.
    seed
        Decides the random starts of the search.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> classes = np.repeat(np.arange(12), 5)
    >>> features = rng.normal(size=(12, 8))[classes] + 0.1 * rng.normal(size=(60, 8))
    >>> splitter = OODSplitter(levels=3)
    >>> [len(set(classes[train])) for train, test in splitter.split(features, classes)]
    [6, 6, 4]
    """

    levels: int = 5
    method: Method = "best"
    min_classes: int | None = None
    seed: int = 0

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803
        """Give the number of levels."""
        return self.levels

    def split(
        self,
        X: ArrayLike,  # noqa: N803 (scikit-learn's name)
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Iterator[tuple[Indices, Indices]]:
        """Give the positions of train and test samples of each level, ascending.

        Parameters
        ----------
        X
            Features, (N, D). How far sides are apart is measured on the means of the classes in them.
        y
            The classes, (N,), unless `groups` are given.
        groups
            What is kept whole instead: (N,). With `cross_val_score(estimator, X, y, groups=groups, cv=splitter)` the
            targets are `y`, and groups of samples move between the sides.

        Raises
        ------
        FeatureError
            Where features are not real, finite numbers, or there are not as many classes as rows.
        SplitError
            Where neither `y` nor `groups` is given, there are fewer than four classes, or not as many levels.
        """
        names = _names(y if groups is None else groups)
        for level in self._built(X, names, null_draws=0).levels.values():
            yield np.flatnonzero(np.isin(names, level.train)), np.flatnonzero(np.isin(names, level.test))

    def benchmark(
        self,
        X: ArrayLike,  # noqa: N803 (scikit-learn's name)
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Benchmark:
        """Give the benchmark that `split` gives the levels of: with the FIDs, and all that tells how far to trust them.

        Classes are called by their text. Parameters and errors are those of `split`.
        """
        return self._built(X, _names(y if groups is None else groups), null_draws=None)

    def _built(self, X: ArrayLike, names: NDArray[np.str_], null_draws: int | None) -> Benchmark:  # noqa: N803
        return build(
            features_from_arrays(np.asarray(X), names),
            levels=self.levels,
            method=self.method,
            min_classes=self.min_classes,
            episodes=0,
            null_draws=null_draws,
            seed=self.seed,
        )


def _names(classes: ArrayLike | None) -> NDArray[np.str_]:
    """Give the classes of samples as text."""
    if classes is None:
        raise SplitError("OODSplitter splits by classes: give them as `y`, or as `groups`")
    values = np.asarray(classes)
    if values.ndim != 1:
        raise FeatureError(f"the classes have shape {values.shape}; allowed is one of each sample: (N,)")
    unique, inverse = np.unique(values, return_inverse=True)
    texts = [str(value) for value in unique.tolist()]
    if len(set(texts)) < len(texts):
        raise FeatureError(f"two of the {len(texts)} classes have the same text; give them different names")
    return np.array(texts, dtype=np.str_)[inverse]
