"""A split during a search: its classes as rows of class means, each in a seat on a side."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import ClassSpace, FrechetDistance
from oodml_bench.hardness.class_space import GRAM_CLASSES
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.lone_moves import LoneMoves
from oodml_bench.hardness.moments import MomentDecomposition, Moments, Side
from oodml_bench.hardness.moves import Decomposition
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.progression import Step
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]
Array = NDArray[np.float64]

#: Relative differences of two distances up to which they count as equal.
ROUNDING = 1e-10

#: Up to this many pairs of a train and a test class, all of them are looked at in every step of a search.
_FEW_PAIRS = 250**2


@dataclass(frozen=True)
class Seats:
    """The two sides of a split of the classes of a space.

    Attributes
    ----------
    space
        Class means.
    train, test
        The row of the class in each seat.
    held
        The moments of the sides, where they were updated from those of another split.
    constraints
        Which moves are allowed.
    """

    space: ClassSpace
    train: Indices
    test: Indices
    held: Moments | None = field(default=None, repr=False, compare=False)
    constraints: Constraints = field(default=FREE, repr=False, compare=False)

    @classmethod
    def of(cls, space: ClassSpace, split: Split, constraints: Constraints = FREE) -> Seats:
        """Seat the classes of a split in the order of the space."""
        return cls(space, space.indices(split.train), space.indices(split.test), constraints=constraints)

    @property
    def has_few_pairs(self) -> bool:
        """Whether all pairs of a train and a test class can be looked at in every step."""
        return len(self.space.classes) <= GRAM_CLASSES and len(self.train) * len(self.test) <= _FEW_PAIRS

    @property
    def smaller_side(self) -> int:
        """The number of classes of the smaller side."""
        return min(len(self.train), len(self.test))

    def divided(self, order: Indices) -> Seats:
        """Give the first classes of an order to the train side and the rest to the test side, as far as allowed."""
        movable = self.constraints.movable
        stay_train, stay_test = (np.sort(side[~movable(side)]) for side in (self.train, self.test))
        order = order[movable(order)]
        cut = len(self.train) - len(stay_train)
        train, test = np.concatenate([stay_train, order[:cut]]), np.concatenate([stay_test, order[cut:]])
        train, test = self.constraints.balanced(train, test)
        held = None
        if self._holds_moments:
            of_train = Side.of(self.space.blocks(train))
            held = Moments(of_train, self.everyone.without(of_train))
        return Seats(self.space, train, test, held, self.constraints)

    def rearranged(self, train: Indices, test: Indices) -> Seats:
        """Seat the same classes in another way; cheap where few change sides."""
        to_test, to_train = _without(self.train, train), _without(self.test, test)
        held = None
        if self._holds_moments and 2 * len(to_test) < self.smaller_side:
            held = self._moments.after_swaps(self.space.rows(to_test), self.space.rows(to_train))
        return replace(self, train=train, test=test, held=held)

    def swapped(self, train_seats: Indices | int, test_seats: Indices | int) -> Seats:
        """Exchange the classes in some seats of the train side with those in as many seats of the test side."""
        train, test = self.train.copy(), self.test.copy()
        train[train_seats], test[test_seats] = self.test[test_seats], self.train[train_seats]
        return self.rearranged(train, test)

    def without(self, train_seats: Indices | int, test_seats: Indices | int) -> Seats:
        """Remove the classes in some seats of either side, and the seats with them."""
        held = None
        if self._holds_moments:
            gone = (np.atleast_1d(self.train[train_seats]), np.atleast_1d(self.test[test_seats]))
            held = self._moments.after_removals(*map(self.space.rows, gone))
        return replace(self, train=np.delete(self.train, train_seats), test=np.delete(self.test, test_seats), held=held)

    def distance(self) -> FrechetDistance:
        """Compute the exact distance between the sides."""
        return self._distance

    def means(self) -> tuple[Array, Array]:
        """Give the means of the train and of the test side, shape (D,) each."""
        if self._holds_moments:
            return self._moments.train.mean, self._moments.test.mean
        return self.space.mean(self.train), self.space.mean(self.test)

    def prepared(self) -> Seats:
        """Decompose the sides now, where moves will be predicted anyway: their distance comes with it."""
        _ = self._decomposition
        return self

    def is_better(self, fid: float, than: float, sign: int) -> bool:
        """Whether an FID is higher (sign 1) or lower (sign -1) than another by more than rounding."""
        return sign * (fid - than) > self.space.rounding + ROUNDING * than

    @property
    def is_balanced(self) -> bool:
        """Whether the sides hold about as many samples, where that is asked for."""
        return self.constraints.is_balanced(self.train, self.test)

    def movable(self) -> tuple[Indices, Indices]:
        """Give the train and the test seats whose classes may move."""
        train, test = (np.flatnonzero(self.constraints.movable(side)) for side in (self.train, self.test))
        return train, test

    def swap_scores(self, sign: int, *, interactions: bool = True) -> Array:
        """Predict `sign` times the FID after each swap of a train and a test seat, shape (n1, n2).

        Minus infinity where a swap is not allowed.
        """
        scores = sign * self._decomposed().fid_after_swaps(interactions=interactions)
        if self.constraints.is_free:
            return scores
        return np.where(self.constraints.allowed_swaps(self.train, self.test), scores, -np.inf)

    def balanced_swaps(self, train_seats: Indices, test_seats: Indices) -> tuple[Indices, Indices]:
        """Pair seats for a batch of swaps, best first, that keeps the balance; leave out what does not."""
        return self.constraints.balanced_swaps(self.train, self.test, (train_seats, test_seats))

    def balanced_removals(self, train_seats: Indices, test_seats: Indices) -> tuple[Indices, Indices]:
        """Pair seats for a batch of removals, best first, that keeps the balance; leave out what does not."""
        return self.constraints.balanced_removals(self.train, self.test, (train_seats, test_seats))

    def removal_scores(self) -> Array:
        """Predict the FID without each pair of a train and a test seat, shape (n1, n2).

        Minus infinity where a removal is not allowed.
        """
        scores = self._decomposed().fid_after_removals()
        if self.constraints.is_free:
            return scores
        return np.where(self.constraints.allowed_removals(self.train, self.test), scores, -np.inf)

    def _decomposed(self) -> Decomposition:
        return Decomposition.of(CrossBlock.of(self.space.gram, self.train, self.test))

    def lone_moves(self, train_seats: Indices, test_seats: Indices) -> LoneMoves:
        """Prepare what the classes in some seats change by moving alone."""
        decomposition = self._decomposition
        if isinstance(decomposition, Decomposition):
            return decomposition.lone_moves(train_seats, test_seats)
        rows = self.space.rows
        return decomposition.lone_moves(rows(self.train[train_seats]), rows(self.test[test_seats]))

    def estimated_crossing(self, rows: Indices) -> NDArray[np.float64]:
        """Estimate what each of some classes changes the nuclear norm by going from train to test, shape of `rows`.

        Exact where the Gram matrix is held, to the first order otherwise.
        """
        decomposition = self._decomposition
        if isinstance(decomposition, MomentDecomposition):
            form = decomposition.crossing_form()
            return form.constant + self.space.quadratic_forms(form.matrix, form.vector, rows)
        of_train, of_test = decomposition.lone_moves(np.arange(len(self.train)), np.arange(len(self.test))).crossing()
        estimates = np.zeros(len(self.space.classes))
        estimates[self.train], estimates[self.test] = of_train, -of_test
        return estimates[rows]

    def step(self, name: str) -> Step:
        """Record the split as a step of a progression."""
        return Step(name, Split(self.space.names(self.train), self.space.names(self.test)), self.distance())

    @cached_property
    def everyone(self) -> Side:
        """The moments of the classes of both sides together."""
        return self._moments.train.joined(self._moments.test)

    @property
    def _holds_moments(self) -> bool:
        return not self.has_few_pairs and not self.space.is_gram_cheaper(len(self.train), len(self.test))

    @cached_property
    def _moments(self) -> Moments:
        if self.held is not None and not self.held.has_drifted:
            return self.held
        return Moments.of(self.space.blocks(self.train), self.space.blocks(self.test))

    @cached_property
    def _decomposition(self) -> Decomposition | MomentDecomposition:
        return MomentDecomposition.of(self._moments) if self._holds_moments else self._decomposed()

    @cached_property
    def _distance(self) -> FrechetDistance:
        if "_decomposition" in self.__dict__:
            return self._decomposition.distance()
        if self._holds_moments:
            return self._moments.distance()
        return self.space.distance(self.train, self.test)


def _without(rows: Indices, others: Indices) -> Indices:
    """Give the rows that are not among some others, ascending."""
    # Not `setdiff1d` alone: it looks for doubles first, which takes most of the time of a step with very many classes.
    return np.sort(np.setdiff1d(rows, others, assume_unique=True))
