"""Swapping classes between train and test, so that the split becomes harder or easier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.moves import Decomposition
from oodml_bench.splits.progression import Direction, OnStep, Progression, Step
from oodml_bench.splits.ranking import best_pair
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]


def greedy_swaps(
    space: ClassSpace, start: Split, direction: Direction, *, on_step: OnStep = lambda _: None
) -> Progression:
    """Walk from `start` by the swap that changes the exact FID most, until no swap improves it.

    All swaps are ranked at once (see `oodml_bench.hardness.moves`) and the first few are measured exactly. The
    progression is monotone by construction. It ends where no single swap helps, which need not be the hardest split
    that there is.

    Parameters
    ----------
    space
        Class means of at least the classes of `start`.
    start
        Where to begin; the sizes of its sides are kept.
    direction
        `harder` raises the FID, `easier` lowers it.
    on_step
        Called with 1 after each step.
    """
    sign = 1 if direction == "harder" else -1
    train, test = space.indices(start.train), space.indices(start.test)
    steps: list[Step] = []
    while True:
        decomposition = Decomposition.of(CrossBlock.of(space.gram, train, test))
        distance = decomposition.distance()
        steps.append(_step(space, train, test, len(steps) * sign))
        on_step(1)

        def fid_after(i: int, j: int, train: Indices = train, test: Indices = test) -> float:
            return space.distance(*_swapped(train, test, i, j)).fid

        found = best_pair(
            sign * decomposition.fid_after_swaps(), lambda i, j: sign * fid_after(i, j), sign * distance.fid
        )
        if found is None:
            return Progression(direction, tuple(steps))
        train, test = _swapped(train, test, *found)


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
    train, test = space.indices(start.train), space.indices(start.test)
    if min(rounds, swaps_per_round) < 1 or history < 0:
        raise SplitError(
            "the paper's rule needs at least 1 round and 1 swap a round and a history of at least 0, "
            f"got {rounds} rounds, {swaps_per_round} swaps a round and a history of {history}"
        )
    sign = 1 if direction == "harder" else -1
    train_history: list[int] = []
    test_history: list[int] = []
    steps: list[Step] = []
    while True:
        steps.append(_step(space, train, test, sign * len(steps) * swaps_per_round))
        on_step(1)
        if len(steps) == rounds:
            return Progression(direction, tuple(steps))
        train_order, test_order = (order[::sign] for order in boundary_orders(space, train, test))
        for rank in range(swaps_per_round):
            train_seat = _free_seat(train_order[rank:], train_history, history)
            test_seat = _free_seat(test_order[rank:], test_history, history)
            train, test = _swapped(train, test, train_seat, test_seat)


def boundary_orders(space: ClassSpace, train: Indices, test: Indices) -> Iterator[Indices]:
    """Order the seats of the train, then of the test side, from the class most like the other side to the most typical.

    By the distance to the own side's mean subtracted from that to the other's; ties in the order of the seats.
    """
    train_mean, test_mean = space.means[train].mean(axis=0), space.means[test].mean(axis=0)
    for side, own, other in ((train, train_mean, test_mean), (test, test_mean, train_mean)):
        members = space.means[side]
        nearness = np.linalg.norm(members - other, axis=1) - np.linalg.norm(members - own, axis=1)
        yield np.argsort(nearness, kind="stable")


def _free_seat(order: Indices, used: list[int], history: int) -> int:
    """Give the first seat that is not among the last `history` used ones, and note it as used."""
    barred = set(used[-history:]) if history else set()
    for seat in order.tolist():
        if seat not in barred:
            used.append(seat)
            return int(seat)
    raise SplitError(
        f"a history of {history} bars every one of the {len(order)} classes that may be swapped next: choose a shorter "
        "history, fewer rounds or fewer swaps a round"
    )


def _swapped(train: Indices, test: Indices, train_seat: int, test_seat: int) -> tuple[Indices, Indices]:
    train, test = train.copy(), test.copy()
    train[train_seat], test[test_seat] = test[test_seat], train[train_seat]
    return train, test


def _step(space: ClassSpace, train: Indices, test: Indices, signed_swaps: int) -> Step:
    return Step(str(signed_swaps), Split(space.names(train), space.names(test)), space.distance(train, test))
