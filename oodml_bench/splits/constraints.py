"""What a search must keep to: classes that stay where they are, and sides of about as many samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Constraints:
    """Which moves a search may make.

    Attributes
    ----------
    kept
        Whether each class of the space stays on its side, shape (N,); None where all may move.
    samples
        Samples of each class, shape (N,); None where the sides need no balance.
    balance
        Greatest difference between the sides' numbers of samples, as a share of both together.
    """

    kept: Mask | None = None
    samples: Counts | None = None
    balance: float = 1.0

    @property
    def is_free(self) -> bool:
        """Whether every move is allowed."""
        return self.kept is None and self.samples is None

    def movable(self, rows: Indices) -> Mask:
        """Tell which of some classes may move."""
        return np.ones(len(rows), dtype=bool) if self.kept is None else ~self.kept[rows]

    def excess(self, train: Indices, test: Indices) -> int:
        """Give the samples that the train side has more than the test side."""
        return int(self._weights(train).sum() - self._weights(test).sum())

    def is_balanced(self, train: Indices, test: Indices) -> bool:
        """Whether the sides differ by no more samples than is allowed."""
        return abs(self.excess(train, test)) <= self.most_excess(train, test)

    def allowed_swaps(self, train: Indices, test: Indices, among: tuple[Indices, Indices] | None = None) -> Mask:
        """Tell which swaps of a train and a test class, all or some given by their places, are allowed: (n1, n2)."""
        some = (train, test) if among is None else (train[among[0]], test[among[1]])
        step = self._weights(some[1]) - self._weights(some[0])[:, np.newaxis]
        balanced = np.abs(self.excess(train, test) + 2 * step) <= self.most_excess(train, test)
        return balanced & self._movable_pairs(*some)

    def allowed_removals(self, train: Indices, test: Indices) -> Mask:
        """Tell which removals of a train and a test class are allowed, shape (n1, n2)."""
        of_train, of_test = self._weights(train)[:, np.newaxis], self._weights(test)
        most = self.most_excess(train, test) - self.balance * (of_train + of_test)
        balanced = np.abs(self.excess(train, test) + of_test - of_train) <= most
        return balanced & self._movable_pairs(train, test)

    def balanced_swaps(self, train: Indices, test: Indices, among: tuple[Indices, Indices]) -> tuple[Indices, Indices]:
        """Pair classes that are to change places so that after each pair, in turn, the sides are balanced.

        Parameters
        ----------
        train, test
            Rows of the classes on either side.
        among
            Places of the classes on the two sides, the most wanted first.

        Returns
        -------
        tuple of ndarray
            The places, pair by pair; classes that go with no other are left out.
        """
        return self._paired(train, test, among, self.most_excess(train, test), 2)

    def balanced_removals(
        self, train: Indices, test: Indices, among: tuple[Indices, Indices]
    ) -> tuple[Indices, Indices]:
        """Pair classes that are to be removed; as `balanced_swaps`."""
        # As if all of them went: balance is a share of the samples that stay.
        least = self.most_excess(np.delete(train, among[0]), np.delete(test, among[1]))
        return self._paired(train, test, among, least, 1)

    def _paired(
        self, train: Indices, test: Indices, among: tuple[Indices, Indices], most: float, weight: int
    ) -> tuple[Indices, Indices]:
        if self.samples is None:
            return among
        excess = self.excess(train, test)
        of_train, of_test = self._weights(train[among[0]]), self._weights(test[among[1]])
        free = np.ones(len(of_test), dtype=bool)
        chosen: list[tuple[int, int]] = []
        for place, samples in enumerate(of_train.tolist()):
            after = excess + weight * (of_test - samples)
            fitting = np.flatnonzero(free & (np.abs(after) <= most))
            if len(fitting):
                chosen.append((place, int(fitting[0])))
                free[fitting[0]] = False
                excess = int(after[fitting[0]])
        places = np.array(chosen, dtype=np.intp).reshape(-1, 2)
        return among[0][places[:, 0]], among[1][places[:, 1]]

    def most_excess(self, train: Indices, test: Indices) -> float:
        """Give the greatest difference in samples that is allowed between two sides."""
        return self.balance * float(self._weights(train).sum() + self._weights(test).sum())

    def balanced(self, train: Indices, test: Indices) -> tuple[Indices, Indices]:
        """Swap as few classes as lead to balance, each time the two that bring it nearest.

        Raises
        ------
        SplitError
            Where no swap leads nearer and the sides are not balanced yet.
        """
        train, test = train.copy(), test.copy()
        while not self.is_balanced(train, test):
            excess = self.excess(train, test)
            i, j = self._nearest_swap(train, test, excess)
            after = excess + 2 * int(self._weights(test[[j]])[0] - self._weights(train[[i]])[0])
            if abs(after) >= abs(excess):
                counts = [int(self._weights(side).sum()) for side in (train, test)]
                raise SplitError(
                    f"swaps bring the sides to {counts[0]} and {counts[1]} samples, {abs(excess) / sum(counts):.3g} of "
                    f"them apart, and no nearer; --balance asks for at most {self.balance:g}. Allow more, or keep "
                    "fewer classes on a side"
                )
            train[i], test[j] = test[j], train[i]
        return train, test

    def _nearest_swap(self, train: Indices, test: Indices, excess: int) -> tuple[int, int]:
        """Give the places of the two classes that may move and whose swap leaves the least difference."""
        places = [np.flatnonzero(self.movable(side)) for side in (train, test)]
        of_train, of_test = self._weights(train[places[0]]), self._weights(test[places[1]])
        order = np.argsort(of_test, kind="stable")
        # The partner that would even the sides out, and its neighbours in size.
        wanted = np.searchsorted(of_test[order], of_train - excess / 2)
        best = min(
            (
                (abs(excess + 2 * int(of_test[j] - of_train[i])), i, j)
                for beside in (wanted - 1, wanted)
                for i, j in enumerate(order[np.clip(beside, 0, len(order) - 1)].tolist())
            ),
        )
        return int(places[0][best[1]]), int(places[1][best[2]])

    def _weights(self, rows: Indices) -> Counts:
        return np.zeros(len(rows), dtype=np.int64) if self.samples is None else self.samples[rows]

    def _movable_pairs(self, train: Indices, test: Indices) -> Mask:
        return self.movable(train)[:, np.newaxis] & self.movable(test)


#: No constraint at all.
FREE = Constraints()


def constraints_of(
    space: ClassSpace,
    start: Split,
    samples: Counts,
    *,
    keep_train: Sequence[str] = (),
    keep_test: Sequence[str] = (),
    balance: float | None = None,
) -> Constraints:
    """Put together what a user asks for.

    Parameters
    ----------
    space
        Class means.
    start
        The default split.
    samples
        Samples of each class of the space, shape (N,).
    keep_train, keep_test
        Classes that stay on a side: they are neither swapped nor removed.
    balance
        Greatest difference between the sides' numbers of samples, as a share of both together.

    Raises
    ------
    SplitError
        Where a class takes no part or is kept on both sides, more are kept than a side holds or than leave two to
        swap, or the balance is out of range.
    """
    if balance is not None and not 0 <= balance < 1:
        raise SplitError(f"the balance must be at least 0 and below 1 (0.1 is 10 % of the samples), got {balance}")
    both = sorted(set(keep_train) & set(keep_test))
    if both:
        raise SplitError(f"{len(both)} classes are kept on both sides, among them {both[:5]}: choose one side for each")
    _refuse_too_many("train", set(keep_train), start.train, start.classes)
    _refuse_too_many("test", set(keep_test), start.test, start.classes)
    kept = None
    if keep_train or keep_test:
        kept = np.isin(np.array(space.classes), [*keep_train, *keep_test])
    return Constraints(kept, None if balance is None else samples, 1.0 if balance is None else balance)


def _refuse_too_many(side: str, kept: set[str], classes: Sequence[str], everyone: Collection[str]) -> None:
    strangers = sorted(kept - set(everyone))
    if strangers:
        raise SplitError(
            f"{len(strangers)} classes to keep on the {side} side take no part in the default split, among them "
            f"{strangers[:5]}"
        )
    if len(kept) >= len(classes):
        raise SplitError(
            f"{len(kept)} classes are to stay on the {side} side, which holds {len(classes)}: at least one of them "
            "must be free to move"
        )


def constrained_start(
    start: Split, space: ClassSpace, constraints: Constraints, keep_train: Sequence[str], keep_test: Sequence[str]
) -> Split:
    """Give the default split where it keeps to the constraints, or the one that a few swaps make of it.

    Kept classes are brought to their sides, in exchange for one another and for the last in alphabetical order of those
    that may move; then the sides are balanced.

    Raises
    ------
    SplitError
        Where the sides cannot be balanced.
    """
    to_train, to_test = sorted(set(keep_train) & set(start.test)), sorted(set(keep_test) & set(start.train))
    free = {*keep_train, *keep_test}
    spare_train, spare_test = ([name for name in side if name not in free] for side in (start.train, start.test))
    missing = len(to_train) - len(to_test)
    to_test += spare_train[len(spare_train) - missing :] if missing > 0 else []
    to_train += spare_test[len(spare_test) + missing :] if missing < 0 else []
    train = space.indices([*(set(start.train) - set(to_test)), *to_train])
    test = space.indices([*(set(start.test) - set(to_train)), *to_test])
    train, test = constraints.balanced(train, test)
    return Split(space.names(train), space.names(test))
