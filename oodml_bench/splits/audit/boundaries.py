"""Where the sides of a benchmark part: which classes, and which samples, lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.audit.findings import Apart, Boundary
from oodml_bench.splits.benchmark import Benchmark

#: A class lies on neither side of a division, on its first, on its second: the product of two codes tells who is apart.
_FIRST, _SECOND = 1, 2


@dataclass(frozen=True, eq=False)
class Division:
    """Two sides of a level, each made of whole classes.

    Attributes
    ----------
    level
        Number of the level.
    boundary
        What lies between the sides; its name tells theirs.
    codes
        (C + 1,) int8: 1 and 2 for the classes of the first and the second side, 0 for others, the last among them.
    """

    level: int
    boundary: Boundary
    codes: NDArray[np.int8]

    def apart(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which pairs of classes lie on opposite sides."""
        return self.codes[first] * self.codes[second] == _FIRST * _SECOND

    def sides(self, first: int, second: int) -> tuple[str, str]:
        """Name the sides of two classes that are apart."""
        names = self.boundary.split("/")
        return names[self.codes[first] - 1], names[self.codes[second] - 1]


@dataclass(frozen=True)
class Supports:
    """An episode whose support is samples of each class."""

    level: int
    samples: Mapping[str, tuple[str, ...]]


class Boundaries:
    """All boundaries of a benchmark.

    Parameters
    ----------
    benchmark
        The benchmark.
    classes
        The classes, in the order of their codes.
    """

    def __init__(self, benchmark: Benchmark, classes: Sequence[str]) -> None:
        self._benchmark = benchmark
        self._index = {name: code for code, name in enumerate(classes)}

    @cached_property
    def divisions(self) -> tuple[Division, ...]:
        """The divisions of whole classes."""
        return tuple(self._divisions())

    def _divisions(self) -> Iterator[Division]:
        for number, level in self._benchmark.levels.items():
            yield self._division(number, "train/test", level.train, level.test)
            if level.split_val:
                yield self._division(number, "train/validation", level.split_train, level.split_val)
            for drawn in level.test_episodes.values():
                for episode in drawn.values():
                    if not isinstance(episode, Mapping):
                        rest = set(level.test) - set(episode)
                        yield self._division(number, "support/query", episode, rest)

    def _division(self, level: int, boundary: Boundary, first: Iterable[str], second: Iterable[str]) -> Division:
        codes = np.zeros(len(self._index) + 1, dtype=np.int8)
        for code, names in ((_FIRST, first), (_SECOND, second)):
            codes[[self._index[name] for name in names if name in self._index]] = code
        return Division(level, boundary, codes)

    @cached_property
    def supports(self) -> tuple[Supports, ...]:
        """The episodes whose support is samples of each class."""
        return tuple(
            Supports(number, episode)
            for number, level in self._benchmark.levels.items()
            for drawn in level.test_episodes.values()
            for episode in drawn.values()
            if isinstance(episode, Mapping)
        )

    @cached_property
    def support_samples(self) -> frozenset[tuple[str, str]]:
        """Class and name of every sample that is support in any episode."""
        return frozenset(
            (class_name, sample)
            for episode in self.supports
            for class_name, samples in episode.samples.items()
            for sample in samples
        )

    def ever_apart(self, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which pairs of classes, by their codes, lie on opposite sides of any division."""
        apart = np.zeros(len(first), dtype=np.bool_)
        for division in self._distinct:
            apart |= division.apart(first, second)
        return apart

    @cached_property
    def _distinct(self) -> tuple[Division, ...]:
        return tuple({division.codes.tobytes(): division for division in self.divisions}.values())

    def places_of_classes(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[Apart, ...]]:
        """Give where pairs of classes are apart: nowhere, where one is not known."""
        # The last code is that of all unknown classes, which lie on no side.
        unknown = len(self._index)
        codes = np.array([[self._index.get(name, unknown) for name in pair] for pair in pairs], dtype=np.intp)
        codes = codes.reshape(-1, 2)
        found: list[dict[tuple[int, Boundary], Apart]] = [{} for _ in pairs]
        for division in self.divisions:
            for row in np.flatnonzero(division.apart(codes[:, 0], codes[:, 1])):
                _add(found[row], division.level, division.boundary, division.sides(*codes[row]))
        return [tuple(places.values()) for places in found]

    def places_within(self, class_name: str, first: str, second: str) -> tuple[Apart, ...]:
        """Give where two samples of a class are apart: one of them in the support, the other a query."""
        found: dict[tuple[int, Boundary], Apart] = {}
        for episode in self.supports:
            support = episode.samples.get(class_name, ())
            if support and (first in support) != (second in support):
                sides = ("support", "query") if first in support else ("query", "support")
                _add(found, episode.level, "support/query", sides)
        return tuple(found.values())


def _add(found: dict[tuple[int, Boundary], Apart], level: int, boundary: Boundary, sides: tuple[str, str]) -> None:
    known = found.get((level, boundary))
    episodes = (known.episodes if known else 0) + (boundary == "support/query")
    found[level, boundary] = Apart(level, boundary, known.sides if known else sides, episodes)
