"""Better splits from pairs of good ones, where there are many local optima close together."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from oodml_bench.errors import SplitError
from oodml_bench.splits.ascent import ascend
from oodml_bench.splits.progression import Direction, OnStep, sign_of
from oodml_bench.splits.seats import Seats

#: Splits that are kept as parents.
_PARENTS = 6

#: Classes a side that a kick moves.
_KICK_SIZES = (2, 6)

#: The classes of either side, whichever is called train.
Halves = frozenset[frozenset[int]]


def bred(
    parents: Sequence[Seats], direction: Direction, children: int, rng: np.random.Generator, on_step: OnStep
) -> Seats:
    """Breed splits from local optima, and give the best.

    A child keeps the classes together that both parents keep together, divides the others at random, and ascends. Where
    that leads back to a parent, it is kicked: a few random swaps, and another ascent. It takes the place of the worst
    parent where it is better. Such memetic searches are strong on divisions into halves (Wu and Hao, "A memetic
    approach for the max-cut problem", 2012).

    Parameters
    ----------
    parents
        Local optima of one set of classes; at least one.
    direction
        `harder` or `easier`.
    children
        How many are bred.
    rng
        Decides parents, divisions and kicks.
    on_step
        Called with 1 after each child.
    """
    sign = sign_of(direction)

    def fitness(seats: Seats) -> float:
        return sign * seats.distance().fid

    family = {_halves(parent): parent for parent in sorted(parents, key=fitness)[-_PARENTS:]}
    for _ in range(children):
        child = _child(list(family.values()), direction, rng)
        if _halves(child) in family:
            child, _ = ascend(_kicked(child, rng), direction, is_near=True)
        family[_halves(child)] = child
        if len(family) > _PARENTS:
            del family[min(family, key=lambda halves: fitness(family[halves]))]
        on_step(1)
    return max(family.values(), key=fitness)


def _child(family: Sequence[Seats], direction: Direction, rng: np.random.Generator) -> Seats:
    if len(family) == 1:
        return family[0]
    mother, father = (family[index] for index in rng.choice(len(family), 2, replace=False))
    with contextlib.suppress(SplitError):  # where a division cannot be brought into balance
        return ascend(_crossed(mother, father, rng), direction, is_near=True)[0]
    return mother


def _crossed(mother: Seats, father: Seats, rng: np.random.Generator) -> Seats:
    """Keep the classes together that both parents keep together, and divide the others at random."""
    classes = np.sort(np.concatenate([mother.train, mother.test]))
    of_mother, of_father = (np.isin(classes, parent.train) for parent in (mother, father))
    if len(mother.train) == len(mother.test) and 2 * (of_mother == of_father).sum() < len(classes):
        # The father's sides bear each other's names.
        of_father = ~of_father
    towards_test = 2.0 - of_mother - of_father
    return mother.divided(classes[np.argsort(towards_test + 0.5 * rng.random(len(classes)))])


def _kicked(seats: Seats, rng: np.random.Generator) -> Seats:
    movable = seats.movable()
    most = min(_KICK_SIZES[1], *map(len, movable))
    count = int(rng.integers(min(_KICK_SIZES[0], most), most + 1))
    kicks = (rng.choice(side, count, replace=False) for side in movable)
    return seats.swapped(*seats.balanced_swaps(*kicks))


def _halves(seats: Seats) -> Halves:
    return frozenset(frozenset(side.tolist()) for side in (seats.train, seats.test))
