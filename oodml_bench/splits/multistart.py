"""The hardest (or easiest) split that can be found, and a nested path to it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.class_space import GRAM_CLASSES
from oodml_bench.splits.ascent import ascend, ascend_in_batches
from oodml_bench.splits.breeding import bred
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.progression import Direction, OnStep, Progression, sign_of
from oodml_bench.splits.proposals import Screen, propose_swaps
from oodml_bench.splits.ranking import shortlist
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]

#: Starts along principal axes, and random starts and children for each unit of effort. Bisections are hard splits;
#: towards easier there are many local optima close together, from which better ones are bred.
_AXES: dict[Direction, int] = {"harder": 5, "easier": 0}
_RANDOM_STARTS: dict[Direction, int] = {"harder": 10, "easier": 5}
_CHILDREN: dict[Direction, int] = {"harder": 0, "easier": 40}

#: Share of the smaller side that a step of the path moves where there are too many pairs of classes to look at.
PATH_STEP = 0.03

#: Relative gain of a batch below which an ascent stops at first in that case.
_ROUGH_GAIN = 1e-2


def best_swaps(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    *,
    effort: int = 1,
    seed: int = 0,
    constraints: Constraints = FREE,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Find the best end point, then walk to it from `start` by single swaps, each towards it.

    The end is the best of many ascents: from the given split, from bisections along the first principal axes of the
    class means (towards `harder` only), and from random splits; towards `easier`, where there are many local optima,
    better ones are bred from pairs of them. On the path every swap brings a class to where
    it ends, the one that changes the exact FID most first. Splits that would lower the FID are passed through but not
    recorded, so that the progression is monotone and nested.

    With more than some 250 classes a side the swaps of an ascent and of the path are made in batches, and the starts
    are the given split and, towards `harder`, the bisection along the first axis; random ones from an effort of 2. With
    more than some thousands in all, the given split is no start towards `harder` before an effort of 2.

    Where the best end lies in another direction than the first swaps of other rules, these may lead to harder splits at
    a few swaps than a nested path to that end can.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        Where to begin; the sizes of its sides are kept.
    direction
        `harder` or `easier`.
    effort
        Multiplies the numbers of random starts and of children; at least 1.
    seed
        Seed of the random starts and of the children.
    constraints
        Which moves are allowed; `start` keeps to them.
    on_step
        Called with 1 after each ascent and each step of the path.

    Raises
    ------
    SplitError
        Where `effort` is below 1 or `seed` below 0.
    """
    if effort < 1 or seed < 0:
        raise SplitError(f"the effort must be at least 1 and the seed at least 0, got {effort} and {seed}")
    begin = Seats.of(space, start, constraints)
    rng = np.random.default_rng([seed, 0 if direction == "harder" else 1])
    end = _best_end(begin, direction, effort, rng, on_step)
    return _path(begin, _nearer_orientation(begin, end), direction, on_step)


def _best_end(begin: Seats, direction: Direction, effort: int, rng: np.random.Generator, on_step: OnStep) -> Seats:
    sign = sign_of(direction)
    if not begin.has_few_pairs:
        return _best_end_in_batches(begin, direction, effort, rng, on_step)
    ends: list[Seats] = []
    for start in (begin, *_starts(begin, direction, effort, rng)):
        ends.append(ascend(start, direction)[0])
        on_step(1)
    if _CHILDREN[direction]:
        return bred(ends, direction, _CHILDREN[direction] * effort, rng, on_step)
    return max(ends, key=lambda end: sign * end.distance().fid)


def _best_end_in_batches(
    begin: Seats, direction: Direction, effort: int, rng: np.random.Generator, on_step: OnStep
) -> Seats:
    """Ascend roughly from every start, and from the best of where that leads to the end."""
    sign = sign_of(direction)
    ends: list[Seats] = []
    for start in _starts_in_batches(begin, direction, effort, rng):
        ends.append(ascend_in_batches(start, direction, _ROUGH_GAIN))
        on_step(1)
        # Only the best is kept: each holds hundreds of megabytes.
        ends = [max(ends, key=lambda end: sign * end.distance().fid)]
    return ascend_in_batches(ends[0], direction, is_near=True)


def _starts(begin: Seats, direction: Direction, effort: int, rng: np.random.Generator) -> Iterator[Seats]:
    both = np.sort(np.concatenate([begin.train, begin.test]))
    yield from _bisections(begin, both, _AXES[direction])
    yield from _random_starts(begin, both, _RANDOM_STARTS[direction] * effort, rng)


def _starts_in_batches(begin: Seats, direction: Direction, effort: int, rng: np.random.Generator) -> Iterator[Seats]:
    """Give fewer starts: the harder bisection along the first axis leads to the harder end, and in few batches."""
    both = np.sort(np.concatenate([begin.train, begin.test]))
    if direction == "harder":
        yield max(_bisections(begin, both, 1), key=lambda seats: seats.distance().fid)
    if direction == "easier" or effort > 1 or len(both) <= GRAM_CLASSES:
        yield begin
    yield from _random_starts(begin, both, effort - 1, rng)


def _random_starts(begin: Seats, classes: Indices, count: int, rng: np.random.Generator) -> Iterator[Seats]:
    for _ in range(count):
        yield from _divided(begin, rng.permutation(classes))


def _bisections(begin: Seats, classes: Indices, axes: int) -> Iterator[Seats]:
    """Give the splits of some classes along their first principal axes; with unequal sides, either way round."""
    n1, n2 = len(begin.train), len(begin.test)
    for along in _along_axes(begin, classes, axes):
        order = classes[np.argsort(along, kind="stable")]
        yield from _divided(begin, order)
        if n1 != n2 or begin.constraints.kept is not None:
            yield from _divided(begin, np.concatenate([order[n2:], order[:n2]]))


def _divided(begin: Seats, order: Indices) -> Iterator[Seats]:
    """Give the split of an order of the classes, where it can be brought into balance."""
    with contextlib.suppress(SplitError):
        yield begin.divided(order)


def _along_axes(begin: Seats, classes: Indices, axes: int) -> NDArray[np.float64]:
    """Give the coordinates of some classes along their first principal axes, shape (at most axes, n)."""
    if not axes:
        return np.zeros((0, len(classes)))
    if len(classes) <= begin.space.dimension:
        centred = begin.space.rows(classes)
        return scipy.linalg.svd(centred - centred.mean(axis=0), full_matrices=False, check_finite=False)[0].T[:axes]
    scatter, last = begin.everyone.scatter, begin.space.dimension - 1
    principal = scipy.linalg.eigh(scatter, subset_by_index=(max(0, last - axes + 1), last), check_finite=False)[1]
    return begin.space.products(principal[:, ::-1], classes).T


def _nearer_orientation(begin: Seats, end: Seats) -> Seats:
    """Exchange the names of the sides, which leaves the distance as it is, where that makes the path shorter.

    Where both are as near, the first train class stays: the seed decides which end is found, not what it is called.
    """
    if len(end.train) != len(end.test) or end.constraints.kept is not None:
        return end
    moves = np.isin(begin.train, end.test)
    if 2 * int(moves.sum()) + int(moves[0]) > len(moves):
        return replace(end, train=end.test, test=end.train, held=None)
    return end


def _path(begin: Seats, end: Seats, direction: Direction, on_step: OnStep) -> Progression:
    sign = sign_of(direction)
    seats, swaps = begin, 0
    screen = None if begin.has_few_pairs else Screen.of(begin)
    steps = [seats.step("0")]
    while len(leaving := np.flatnonzero(np.isin(seats.train, end.test))):
        joining = np.flatnonzero(np.isin(seats.test, end.train))
        gone, come = _swaps_towards_the_end(seats, screen, leaving, joining, sign)
        seats = seats.swapped(gone, come)
        if screen is not None:
            seats = seats.prepared()
        swaps += len(gone)
        step = seats.step(str(sign * swaps))
        if seats.is_balanced and seats.is_better(step.fid, steps[-1].fid, sign):
            steps.append(step)
        on_step(1)
    return Progression(direction, tuple(steps))


def _swaps_towards_the_end(
    seats: Seats, screen: Screen | None, leaving: Indices, joining: Indices, sign: int
) -> tuple[Indices, Indices]:
    """Give the swap of one of some train seats with one of some test seats after which the exact FID is best.

    Where there are too many pairs to look at, a batch of promising swaps.
    """
    if screen is not None:
        most = math.ceil(PATH_STEP * seats.smaller_side)
        return propose_swaps(seats, sign, min(most, len(leaving)), screen, among=(leaving, joining))

    def score(row: int, column: int) -> float:
        return sign * seats.swapped(int(leaving[row]), int(joining[column])).distance().fid

    predicted = seats.swap_scores(sign)[np.ix_(leaving, joining)]
    # Where no swap keeps the balance, one that does not must lead on.
    pairs = shortlist(predicted) or shortlist(np.zeros_like(predicted))
    row, column = max(pairs, key=lambda pair: score(*pair))
    return leaving[[row]], joining[[column]]
