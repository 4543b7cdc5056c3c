"""The classes of a benchmark: their sides, their places on the map, and their distances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.features import ClassMeans
from oodml_bench.splits import Benchmark, Level

#: Sides of a class at a level, as the page knows them.
TRAIN, TEST, REMOVED, ELSEWHERE = "t", "e", "r", "-"

#: With more classes than this, distances between all of them would not fit into memory beside the rest.
MOST_CLASSES = 12_000


@dataclass(frozen=True, eq=False)
class ClassTable:
    """All classes that a benchmark names.

    Attributes
    ----------
    benchmark
        The benchmark.
    means
        Class means; None where no features were given.
    positions
        (C, 2): places on the map, in the order of `names`; None likewise.
    """

    benchmark: Benchmark
    means: ClassMeans | None = field(default=None, repr=False)
    positions: NDArray[np.float64] | None = field(default=None, repr=False)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        levels = self.benchmark.levels.values()
        return tuple(sorted({name for level in levels for name in (*level.train, *level.test, *level.removed)}))

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Name → place in `names`."""
        return {name: place for place, name in enumerate(self.names)}

    def sides(self) -> list[str]:
        """Give the sides of the classes at each level: a character a class, in the order of `names`."""
        return ["".join(self._sides_at(level)) for level in self.benchmark.levels.values()]

    def _sides_at(self, level: Level) -> list[str]:
        sides = [ELSEWHERE] * len(self.names)
        for side, names in ((TRAIN, level.train), (TEST, level.test), (REMOVED, level.removed)):
            for name in names:
                sides[self.index[name]] = side
        return sides

    def records(self) -> list[dict[str, Any]]:
        """Give what is known of each class."""
        superclasses = {} if self.means is None else self.means.superclasses
        counts = self._counts
        return [
            {
                "name": name,
                "superclass": superclasses.get(name),
                "samples": counts.get(name),
                "place": None if self.positions is None else [round(float(x), 3) for x in self.positions[number]],
            }
            for number, name in enumerate(self.names)
        ]

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        if self.means is not None:
            return dict(zip(self.means.classes, map(int, self.means.counts), strict=True))
        return {name: len(samples) for name, samples in self.benchmark.samples.items()}

    def sample_count(self, classes: Iterable[str]) -> int | None:
        """Give the number of samples of classes; None where it is not known."""
        counts = self._counts
        found = [counts.get(name) for name in classes]
        return None if None in found else sum(count for count in found if count is not None)

    def rows(self, classes: Iterable[str]) -> NDArray[np.intp]:
        """Give the rows of classes among the class means.

        Raises
        ------
        SplitError
            Where the features lack one of them.
        """
        means = self._known_means
        by_name = {name: row for row, name in enumerate(means.classes)}
        wanted = list(classes)
        if missing := [name for name in wanted if name not in by_name]:
            raise SplitError(
                f"the features lack {len(missing)} classes of the benchmark {self.benchmark.name}, among them "
                f"{missing[0]!r}: are these the features from which it was built?"
            )
        return np.array([by_name[name] for name in wanted], dtype=np.intp)

    @property
    def _known_means(self) -> ClassMeans:
        if self.means is None:
            raise SplitError("no features were given")
        return self.means

    @property
    def has_distances(self) -> bool:
        """Whether distances between classes can be told."""
        return self.means is not None and len(self.names) <= MOST_CLASSES

    def between(self, level: Level) -> NDArray[np.float64]:
        """Give the distances of a level's test classes, one a row, to its train classes, in feature units."""
        means = np.asarray(self._known_means.means, dtype=np.float64)
        test, train = means[self.rows(level.test)], means[self.rows(level.train)]
        squares = (test**2).sum(axis=1)[:, None] + (train**2).sum(axis=1) - 2 * test @ train.T
        distances: NDArray[np.float64] = np.sqrt(np.maximum(squares, 0))
        return distances

    def median_nearest_distance(self, level: Level) -> float | None:
        """Give the median over the test classes of the distance to the nearest train class; None without features."""
        return float(np.median(self.between(level).min(axis=1))) if self.has_distances else None
