"""The search when whole groups of classes move together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.groups import is_balanced, rows_of_groups
from oodml_bench.splits.progression import Direction, OnStep, Progression, sign_of
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]

#: Moves measured exactly at every step, of those that look best by what each group changes alone.
_SHORTLIST = 24

#: Random starts of `best` for each unit of effort.
RANDOM_STARTS = 8

#: Groups that change sides: from train to test, and from test to train.
Move = tuple[frozenset[int], frozenset[int]]


@dataclass(frozen=True)
class GroupedSides:
    """The groups on either side, and the rows of the classes of each group."""

    space: ClassSpace
    rows: tuple[Indices, ...]
    train: frozenset[int]
    test: frozenset[int]

    @classmethod
    def of(cls, space: ClassSpace, start: Split, groups: Mapping[str, str]) -> GroupedSides:
        """Gather the classes of a split that keeps groups whole."""
        rows = rows_of_groups(space, start.classes, groups)
        on_train = {groups[name] for name in start.train}
        train = frozenset(number for number, group in enumerate(rows) if group in on_train)
        return cls(space, tuple(rows.values()), train, frozenset(range(len(rows))) - train)

    @property
    def seats(self) -> Seats:
        """The classes of both sides."""
        return Seats(self.space, self._rows_of(self.train), self._rows_of(self.test))

    def fid(self) -> float:
        """Compute the exact FID."""
        return self.seats.distance().fid

    def count(self, groups: frozenset[int]) -> int:
        """Count the classes of some groups."""
        return sum(len(self.rows[group]) for group in groups)

    @property
    def is_allowed(self) -> bool:
        """Whether both sides hold two classes and are balanced."""
        sizes = self.count(self.train), self.count(self.test)
        return min(sizes) >= 2 and is_balanced(*sizes)

    def moved(self, move: Move) -> GroupedSides:
        """Let groups change sides."""
        to_test, to_train = move
        return replace(self, train=self.train - to_test | to_train, test=self.test - to_train | to_test)

    def without(self, gone: Move) -> GroupedSides:
        """Remove groups of either side."""
        return replace(self, train=self.train - gone[0], test=self.test - gone[1])

    def _rows_of(self, groups: frozenset[int]) -> Indices:
        return np.sort(np.concatenate([self.rows[group] for group in groups]))


def grouped_walk(
    space: ClassSpace,
    start: Split,
    groups: Mapping[str, str],
    direction: Direction,
    *,
    starts: int,
    seed: int,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Find the best end point by moves of whole groups, then walk to it, each move towards it.

    A move takes a group to the other side, or exchanges two, and keeps the sides' numbers of classes balanced. The end
    is the best of ascents by the best move each time, from the given split and from random ones. On the way, splits
    that are out of balance or would lower the FID (raise it, towards easier) are passed through but not recorded.

    Parameters
    ----------
    space
        Class means.
    start
        A balanced split that keeps groups whole.
    groups
        The group of every class.
    direction
        `harder` or `easier`.
    starts
        Random starts; with 0 the walk is that of the ascent from `start`.
    seed
        Seed of the random starts.
    on_step
        Called with 1 after each ascent and each step of the path.
    """
    sign = sign_of(direction)
    begin = GroupedSides.of(space, start, groups)
    rng = np.random.default_rng([seed, 0 if direction == "harder" else 1])
    end = begin
    for sides in (begin, *(_shuffled(begin, rng) for _ in range(starts))):
        found = _ascended(sides, sign)
        on_step(1)
        if sign * (found.fid() - end.fid()) > 0:
            end = found
    return _path(begin, end, direction, on_step)


def grouped_removal(
    space: ClassSpace, start: Split, groups: Mapping[str, str], *, min_classes: int, on_step: OnStep = lambda _: None
) -> Progression:
    """Remove whole groups, of one side or of both, so that the FID rises most, down to `min_classes` a side."""
    sides = GroupedSides.of(space, start, groups)
    steps = [sides.seats.step("R0")]
    while True:
        fid = sides.fid()
        rivals = [sides.without(gone) for gone in _promising(sides, 1, GroupedSides.without)]
        rivals = [rival for rival in rivals if min(rival.count(rival.train), rival.count(rival.test)) >= min_classes]
        best = max(rivals, key=GroupedSides.fid, default=None)
        if best is None or not sides.seats.is_better(best.fid(), fid, 1):
            return Progression("removal", tuple(steps))
        sides = best
        steps.append(sides.seats.step(f"R{len(steps)}"))
        on_step(1)


def _shuffled(begin: GroupedSides, rng: np.random.Generator) -> GroupedSides:
    """Exchange groups at random until every one has had a chance to move."""
    sides = begin
    for _ in range(4 * len(begin.rows)):
        train, test = (int(rng.choice(sorted(side))) for side in (sides.train, sides.test))
        choices: list[Move] = [
            (frozenset({train}), frozenset({test})),
            (frozenset({train}), frozenset()),
            (frozenset(), frozenset({test})),
        ]
        tried = sides.moved(choices[int(rng.integers(3))])
        if tried.is_allowed:
            sides = tried
    return sides


def _ascended(sides: GroupedSides, sign: int) -> GroupedSides:
    while True:
        rivals = (sides.moved(move) for move in _promising(sides, sign, GroupedSides.moved))
        best = max(rivals, key=lambda rival: sign * rival.fid(), default=None)
        if best is None or not sides.seats.is_better(best.fid(), sides.fid(), sign):
            return sides
        sides = best


def _promising(
    sides: GroupedSides, sign: int, make: Callable[[GroupedSides, Move], GroupedSides], among: Move | None = None
) -> Iterator[Move]:
    """Give the allowed moves of a group, or of one from each side, that look best by what each group changes alone."""
    train, test = among or (sides.train, sides.test)
    fid = sides.fid()

    def gain(move: Move) -> float:
        changed = make(sides, move)
        sizes = changed.count(changed.train), changed.count(changed.test)
        return sign * (changed.fid() - fid) if min(sizes) >= 2 else -np.inf

    none: frozenset[int] = frozenset()
    lone: list[Move] = [
        *((frozenset({group}), none) for group in train),
        *((none, frozenset({group})) for group in test),
    ]
    alone = {move: gain(move) for move in lone}
    both = {
        (frozenset({i}), frozenset({j})): alone[frozenset({i}), none] + alone[none, frozenset({j})]
        for i, j in product(train, test)
    }
    scores = {move: score for move, score in {**alone, **both}.items() if make(sides, move).is_allowed}
    ranked = sorted(scores, key=lambda move: (-scores[move], sorted(move[0]), sorted(move[1])))
    yield from ranked[:_SHORTLIST]


def _path(begin: GroupedSides, end: GroupedSides, direction: Direction, on_step: OnStep) -> Progression:
    sign = sign_of(direction)
    steps = [begin.seats.step("0")]
    sides, moves = begin, 0
    while sides.train != end.train:
        towards = sides.train - end.train, sides.test - end.test
        found = [sides.moved(move) for move in _promising(sides, sign, GroupedSides.moved, towards)]
        # Where no allowed move leads on, all that is left moves at once.
        sides = max(found, key=lambda rival: sign * rival.fid(), default=end)
        moves += 1
        step = sides.seats.step(str(sign * moves))
        if sides.seats.is_better(step.fid, steps[-1].fid, sign):
            steps.append(step)
        on_step(1)
    return Progression(direction, tuple(steps))
