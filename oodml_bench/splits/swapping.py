"""Swapping classes between train and test, so that the split becomes harder or easier."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.ascent import improving_batches, improving_swap
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.progression import Direction, OnStep, Progression, Step, sign_of
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]

#: Share of the smaller side that a step of `greedy` moves where there are too many pairs of classes to look at.
_GREEDY_STEP = 0.02


def greedy_swaps(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    *,
    constraints: Constraints = FREE,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Walk from `start` by the swap that changes the exact FID most, until no swap improves it.

    All swaps are ranked at once (see `oodml_bench.hardness.moves`) and the first few are measured exactly. The
    progression is monotone by construction. It ends where no single swap helps, which need not be the hardest split
    that there is. With more than some 250 classes a side, a step makes a batch of swaps that together improve the FID.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        Where to begin; the sizes of its sides are kept.
    direction
        `harder` raises the FID, `easier` lowers it.
    constraints
        Which swaps are allowed; `start` keeps to them.
    on_step
        Called with 1 after each step.
    """
    sign = sign_of(direction)
    begin, swaps = Seats.of(space, start, constraints), 0
    steps = [begin.step("0")]
    on_step(1)
    for more, seats in _improved(begin, sign):
        swaps += more
        steps.append(seats.step(str(sign * swaps)))
        on_step(1)
    return Progression(direction, tuple(steps))


def _improved(seats: Seats, sign: int) -> Iterator[tuple[int, Seats]]:
    """Give one better split after the other with its number of swaps: a single one, or with many classes a batch."""
    if not seats.has_few_pairs:
        yield from improving_batches(seats, sign, math.ceil(_GREEDY_STEP * seats.smaller_side))
        return
    while found := improving_swap(seats, sign):
        seats = found
        yield 1, seats


def paper_swaps(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    *,
    rounds: int,
    swaps_per_round: int,
    history: int,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Walk from `start` by the rule of the published study (Milbich, Roth et al., 2021).

    In each round the classes of either side are ordered by how much nearer they lie to the other side's mean than to
    their own; the first few of both orders change places, seat by seat. Towards `easier` the orders are walked from
    their end. The means are those at the start of the round. A seat among the last `history` seats used on its side is
    passed over, whichever class sits there now. A round is recorded before its swaps. The FID need not be monotone.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        Where to begin; the sizes of its sides are kept.
    direction
        `harder` or `easier`.
    rounds
        Number of rounds recorded, the start included.
    swaps_per_round
        Swaps in a round.
    history
        Number of seats that are passed over, a side.
    on_step
        Called with 1 after each recorded round.

    Raises
    ------
    SplitError
        Where a setting is out of range, or the history leaves no seat free. It cannot where `history` and
        `swaps_per_round` add up to no more than the classes of the smaller side.
    """
    if min(rounds, swaps_per_round) < 1 or history < 0:
        raise SplitError(
            "the paper's rule needs at least 1 round and 1 swap a round and a history of at least 0, "
            f"got {rounds} rounds, {swaps_per_round} swaps a round and a history of {history}"
        )
    if swaps_per_round > min(len(start.train), len(start.test)):
        raise SplitError(
            f"{swaps_per_round} swaps a round are more than the classes of the smaller side: "
            f"{len(start.train)} train and {len(start.test)} test classes"
        )
    sign = sign_of(direction)
    seats = Seats.of(space, start)
    train_history: list[int] = []
    test_history: list[int] = []
    steps: list[Step] = []
    while True:
        steps.append(seats.step(str(sign * len(steps) * swaps_per_round)))
        on_step(1)
        if len(steps) == rounds:
            return Progression(direction, tuple(steps))
        train_order, test_order = (order[::sign] for order in boundary_orders(seats))
        train, test = seats.train.copy(), seats.test.copy()
        for rank in range(swaps_per_round):
            train_seat = _free_seat(train_order[rank:], train_history, history)
            test_seat = _free_seat(test_order[rank:], test_history, history)
            train[train_seat], test[test_seat] = test[test_seat], train[train_seat]
        seats = seats.rearranged(train, test)


def boundary_orders(seats: Seats) -> Iterator[Indices]:
    """Order the seats of the train, then of the test side, from the class most like the other side to the most typical.

    By the distance to the own side's mean subtracted from that to the other's; ties in the order of the seats.
    """
    space = seats.space
    train_mean, test_mean = space.mean(seats.train), space.mean(seats.test)
    for side, own, other in ((seats.train, train_mean, test_mean), (seats.test, test_mean, train_mean)):
        excess = [
            np.linalg.norm(block - other, axis=1) - np.linalg.norm(block - own, axis=1) for block in space.blocks(side)
        ]
        yield np.argsort(np.concatenate(excess), kind="stable")


def _free_seat(order: Indices, used: list[int], history: int) -> int:
    """Give the first seat that is not among the last `history` used ones, and note it as used."""
    barred = set(used[-history:]) if history else set()
    seat = next((int(seat) for seat in order if int(seat) not in barred), None)
    if seat is not None:
        used.append(seat)
        return seat
    raise SplitError(
        f"a history of {history} bars every one of the {len(order)} classes that may be swapped next: choose a shorter "
        "history, fewer rounds or fewer swaps a round"
    )
