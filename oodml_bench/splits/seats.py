"""A split during a search: its classes as rows of class means, each in a seat on a side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import ClassSpace, FrechetDistance
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.moves import Decomposition
from oodml_bench.splits.progression import Step
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]

#: Relative differences of two distances up to which they count as equal.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Seats:
    """The two sides of a split of the classes of a space.

    Attributes
    ----------
    space
        Class means.
    train, test
        The row of the class in each seat.
    """

    space: ClassSpace
    train: Indices
    test: Indices

    @classmethod
    def of(cls, space: ClassSpace, split: Split) -> Seats:
        """Seat the classes of a split in the order of the space."""
        return cls(space, space.indices(split.train), space.indices(split.test))

    def swapped(self, train_seats: Indices | int, test_seats: Indices | int) -> Seats:
        """Exchange the classes in some seats of the train side with those in as many seats of the test side."""
        train, test = self.train.copy(), self.test.copy()
        train[train_seats], test[test_seats] = self.test[test_seats], self.train[train_seats]
        return Seats(self.space, train, test)

    def without(self, train_seats: Indices | int, test_seats: Indices | int) -> Seats:
        """Remove the classes in some seats of either side, and the seats with them."""
        return Seats(self.space, np.delete(self.train, train_seats), np.delete(self.test, test_seats))

    def distance(self) -> FrechetDistance:
        """Compute the exact distance between the sides."""
        return self.space.distance(self.train, self.test)

    def is_better(self, fid: float, than: float, sign: int) -> bool:
        """Whether an FID is higher (sign 1) or lower (sign -1) than another by more than rounding."""
        return sign * (fid - than) > self.space.rounding + ROUNDING * than

    def decomposed(self) -> Decomposition:
        """Decompose the cross block of the sides, to predict what moves do."""
        return Decomposition.of(CrossBlock.of(self.space.gram, self.train, self.test))

    def step(self, name: str) -> Step:
        """Record the split as a step of a progression."""
        return Step(name, Split(self.space.names(self.train), self.space.names(self.test)), self.distance())
