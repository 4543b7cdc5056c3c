"""The control arm: class sets drawn at random, at the sizes that a search would have."""

from __future__ import annotations

import numpy as np

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.progression import Direction, OnStep, Progression, Step, sign_of
from oodml_bench.splits.removal import checked_seats
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

#: Streams of random numbers, so that no draw depends on another.
_STREAMS = {"easier": 0, "harder": 1, "removal": 2}


def random_splits(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    *,
    draws: int,
    seed: int = 0,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Draw random splits of the classes of `start` at its sizes, and keep those that are harder (or easier).

    They are ordered by their FID and numbered in this order: their names do not count swaps.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        The first step; it gives the classes and the sizes.
    direction
        `harder` or `easier`.
    draws
        Number of random splits, at least 1.
    seed
        Seed of the draws.
    on_step
        Called with 1 after each draw.

    Raises
    ------
    SplitError
        Where `draws` is below 1 or `seed` below 0.
    """
    if draws < 1 or seed < 0:
        raise SplitError(f"random splits need at least 1 draw and a seed of at least 0, got {draws} and {seed}")
    sign = sign_of(direction)
    begin = Seats.of(space, start)
    rng = np.random.default_rng([seed, _STREAMS[direction]])
    everyone = np.sort(np.concatenate([begin.train, begin.test]))
    drawn: list[Step] = []
    for _ in range(draws):
        order = rng.permutation(everyone)
        drawn.append(Seats(space, order[: len(begin.train)], order[len(begin.train) :]).step(""))
        on_step(1)
    first = begin.step("0")
    further = sorted((step for step in drawn if sign * (step.fid - first.fid) > 0), key=lambda step: sign * step.fid)
    named = (Step(str(sign * number), step.split, step.distance) for number, step in enumerate(further, start=1))
    return Progression(direction, (first, *named))


def random_removal(
    space: ClassSpace,
    start: Split,
    *,
    min_classes: int,
    seed: int = 0,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Remove one random class of either side after the other; parameters and errors as for `greedy_removal`."""
    seats = checked_seats(space, start, min_classes)
    rng = np.random.default_rng([seed, _STREAMS["removal"]])
    steps = [seats.step("R0")]
    while seats.smaller_side > min_classes:
        seats = seats.without(int(rng.integers(len(seats.train))), int(rng.integers(len(seats.test))))
        steps.append(seats.step(f"R{len(steps)}"))
        on_step(1)
    return Progression("removal", tuple(steps))
