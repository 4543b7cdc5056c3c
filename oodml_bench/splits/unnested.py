"""The hardest (or easiest) split at each number of swaps, whether or not the next one follows from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.splits.progression import OnStep, Progression, sign_of
from oodml_bench.splits.ranking import best_move
from oodml_bench.splits.seats import Seats


def without_nesting(
    begin: Seats, nested: Progression, others: Progression, *, on_step: OnStep = lambda _: None
) -> Progression:
    """Find the hardest (or easiest) split at each number of swaps, up to that of the last step of a nested path.

    For each number, the best of what one more swap makes of the split before, the nested path and another progression
    is improved by exchanging classes that moved for classes of the same side that did not, until no exchange helps.

    Parameters
    ----------
    begin
        The default split.
    nested
        The path to the best end; it gives the direction.
    others
        Splits that the result must not fall behind, such as those of the published rule.
    on_step
        Called with 1 after each number of swaps.

    Raises
    ------
    SplitError
        Where there are too many pairs of classes to look at all of them.
    """
    if not begin.has_few_pairs:
        raise SplitError(
            "the hardest split at each number of swaps needs a look at every pair of classes, at most some 250 classes "
            f"a side; there are {len(begin.train)} train and {len(begin.test)} test classes. Leave out --not-nested."
        )
    sign = sign_of("easier" if nested.kind == "easier" else "harder")
    seats = begin
    steps = [begin.step("0")]
    known = [step.split for progression in (nested, others) for step in progression.steps]
    for swaps in range(1, nested.steps[-1].split.swaps_from(steps[0].split) + 1):
        rivals = [split for split in known if split.swaps_from(steps[0].split) == swaps]
        further = [
            _one_more(begin, seats, sign),
            *(Seats.of(begin.space, split, begin.constraints) for split in rivals),
        ]
        best = max(filter(None, further), key=lambda rival: sign * rival.distance().fid)
        seats = _exchanged(begin, best, sign)
        if seats.is_better(seats.distance().fid, steps[-1].fid, sign):
            steps.append(seats.step(str(sign * swaps)))
        on_step(1)
    return Progression(nested.kind, tuple(steps))


def _one_more(begin: Seats, seats: Seats, sign: int) -> Seats | None:
    """Make the best swap of two classes that did not move yet; None where none is allowed."""
    stayed = np.isin(seats.train, begin.train)[:, np.newaxis] & np.isin(seats.test, begin.test)
    return _best_swap(seats, stayed, sign)


def _exchanged(begin: Seats, seats: Seats, sign: int) -> Seats:
    """Exchange classes that moved for others of the same side that did not, while that helps."""
    while True:
        from_train = np.isin(seats.train, begin.train)[:, np.newaxis] == np.isin(seats.test, begin.train)
        swapped = _best_swap(seats, from_train, sign)
        if swapped is None or not seats.is_better(swapped.distance().fid, seats.distance().fid, sign):
            return seats
        seats = swapped


def _best_swap(seats: Seats, allowed: NDArray[np.bool_], sign: int) -> Seats | None:
    return best_move(np.where(allowed, seats.swap_scores(sign), -np.inf), seats.swapped, sign)
