"""Proposing many swaps or removals at once, for splits with too many classes to look at every pair.

What a class changes by moving alone adds up well over the classes that move together, but for the means of the sides:
these shift with every class, and are followed while classes are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness.lone_moves import LoneMoves
from oodml_bench.splits.seats import Seats

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Classes a side whose change of the nuclear norm is computed: at least so many, and so many for each that may move.
_LEAST_CANDIDATES = 700
_CANDIDATES_A_MOVE = 1.2

#: Classes a side whose forms are held at a time.
_BLOCK = 2000

#: Parts in which classes are chosen; the means are followed from one to the next.
_PARTS = 16


@dataclass(frozen=True)
class Screen:
    """Rough changes of the nuclear norm, by which candidates are picked before theirs are computed.

    They change slowly as classes move, so that one screen serves several batches.

    Attributes
    ----------
    towards_test
        What each class of the space changes by going from train to test, shape (N,): minus this on the way back.
    """

    towards_test: Array

    @classmethod
    def of(cls, seats: Seats) -> Screen:
        """Estimate the changes at a split."""
        towards_test = np.zeros(len(seats.space.classes))
        both = np.concatenate([seats.train, seats.test])
        towards_test[both] = seats.estimated_crossing(both)
        return cls(towards_test)


def propose_swaps(
    seats: Seats, sign: int, most: int, screen: Screen, *, among: tuple[Indices, Indices] | None = None
) -> tuple[Indices, Indices]:
    """Give the seats of up to `most` swaps that raise (sign 1) or lower (sign -1) the FID together, best first.

    Parameters
    ----------
    seats
        The split.
    sign
        1 towards harder, -1 towards easier.
    most
        Number of swaps.
    screen
        Of this split or of one that it was reached from by not too many swaps.
    among
        Train and test seats to choose from, of which exactly `most` swaps are given, helpful or not; otherwise
        all, and only swaps that help.
    """
    train_seats, test_seats = among or seats.movable()
    score = _SwapScore.of(seats, sign)
    count = _candidate_count(most)
    train_rows, test_rows = seats.train[train_seats], seats.test[test_seats]
    train_rough = score.lasting(train_rows, screen.towards_test[train_rows]) - score.linear(train_rows)
    test_rough = score.lasting(test_rows, -screen.towards_test[test_rows]) + score.linear(test_rows)
    train_seats, test_seats = train_seats[_highest(train_rough, count)], test_seats[_highest(test_rough, count)]
    chosen = _chosen_swaps(seats, score, train_seats, test_seats, most, only_helpful=among is None)
    balanced = seats.balanced_swaps(*chosen)
    # Towards a given end a batch must lead on, in balance or not.
    return chosen if among is not None and not len(balanced[0]) else balanced


def _chosen_swaps(
    seats: Seats, score: _SwapScore, train_seats: Indices, test_seats: Indices, most: int, *, only_helpful: bool
) -> tuple[Indices, Indices]:
    """Choose up to `most` swaps among some candidates, the best first."""
    train_rows, test_rows = seats.train[train_seats], seats.test[test_seats]
    norms = _norm_changes(seats, train_seats, test_seats, LoneMoves.crossing)
    train_lasting, test_lasting = score.lasting(train_rows, norms[0]), score.lasting(test_rows, norms[1])
    chosen: tuple[list[int], list[int]] = ([], [])
    most = min(most, len(train_seats), len(test_seats))
    while (missing := most - len(chosen[0])) > 0:
        train_scores = train_lasting - score.linear(train_rows)
        test_scores = test_lasting + score.linear(test_rows)
        train_scores[chosen[0]] = test_scores[chosen[1]] = -np.inf
        part = min(missing, -(-most // _PARTS))
        i, j = _highest(train_scores, part), _highest(test_scores, part)
        if only_helpful:
            helpful = train_scores[i] + test_scores[j] > 0
            i, j = i[helpful], j[helpful]
        if not len(i):
            break
        chosen[0].extend(i.tolist())
        chosen[1].extend(j.tolist())
        score = score.after(to_test=train_rows[i], to_train=test_rows[j])
    return train_seats[chosen[0]], test_seats[chosen[1]]


def predicted_fids(seats: Seats, train_seats: Indices, test_seats: Indices) -> Array:
    """Predict the FID after each swap of one of some train seats with one of some test seats: shape (k1, k2).

    Minus infinity where a swap is not allowed.
    """
    if seats.has_few_pairs:
        return seats.swap_scores(1)[np.ix_(train_seats, test_seats)]
    score = _SwapScore.of(seats, 1)
    train_rows, test_rows = seats.train[train_seats], seats.test[test_seats]
    norms = _norm_changes(seats, train_seats, test_seats, LoneMoves.crossing)
    train_scores = score.lasting(train_rows, norms[0]) - score.linear(train_rows)
    test_scores = score.lasting(test_rows, norms[1]) + score.linear(test_rows)
    fids = seats.distance().fid + train_scores[:, np.newaxis] + test_scores
    allowed = seats.constraints.allowed_swaps(seats.train, seats.test, (train_seats, test_seats))
    return np.where(allowed, fids, -np.inf)


def propose_removals(seats: Seats, count: int) -> tuple[Indices, Indices]:
    """Give the seats of `count` classes of either side whose removal together raises the FID most, or lowers it least.

    Parameters
    ----------
    seats
        The split.
    count
        Number of classes a side, at most all but two; fewer are given where no more may be removed.
    """
    train_mean, test_mean = seats.means()
    sides = (seats.train, train_mean, test_mean), (seats.test, test_mean, train_mean)
    raised = [_raised_by_leaving(seats, *side) for side in sides]
    train_seats, test_seats = (
        able[_highest(scores[able], _candidate_count(count))]
        for scores, able in zip(raised, seats.movable(), strict=True)
    )
    norms = _norm_changes(seats, train_seats, test_seats, LoneMoves.leaving)
    scale = 2 / np.sqrt(float(len(seats.train) - 2) * (len(seats.test) - 1))
    other_scale = 2 / np.sqrt(float(len(seats.train) - 1) * (len(seats.test) - 2))
    count = min(count, len(train_seats), len(test_seats))
    return seats.balanced_removals(
        train_seats[_highest(raised[0][train_seats] - scale * norms[0], count)],
        test_seats[_highest(raised[1][test_seats] - other_scale * norms[1], count)],
    )


def _raised_by_leaving(seats: Seats, side: Indices, own_mean: Array, other_mean: Array) -> Array:
    """Give what the mean term and the side's own trace change by when each of its classes leaves, shape (n,)."""
    count = len(side)
    gap = own_mean - other_mean
    along = seats.space.products(np.stack([gap, own_mean], axis=1), side)
    deviation_along_gap = along[:, 0] - own_mean @ gap
    spread = seats.space.squares[side] - 2 * along[:, 1] + own_mean @ own_mean
    mean_term = -2 * deviation_along_gap / (count - 1) + spread / (count - 1) ** 2
    # The trace of the covariance: the spread that leaves, and the smaller divisor of what stays.
    stays = spread.sum() - spread * count / (count - 1)
    trace = stays / (count - 2) - spread.sum() / (count - 1)
    return mean_term + trace


@dataclass(frozen=True)
class _SwapScore:
    """The parts of what a swap changes that follow from the means of the sides.

    With g = 1/n1 + 1/n2, the swap of train class x with test class y changes the mean term by
    ``2 g (m1 - m2) . (y - x) + g^2 |y - x|^2`` and the traces of the scatter matrices by
    ``+-(|y|^2 - |x|^2) -+ 2 m . (y - x) - |y - x|^2 / n``: a linear part, which is followed while classes are chosen,
    and one in ``|y - x|^2``, in which the product of x and y is left out.
    """

    seats: Seats
    sign: int
    train_mean: Array
    test_mean: Array

    @classmethod
    def of(cls, seats: Seats, sign: int) -> _SwapScore:
        return cls(seats, sign, *seats.means())

    def after(self, *, to_test: Indices, to_train: Indices) -> _SwapScore:
        """Follow the means when some classes, given as rows, change sides."""
        n1, n2 = self._sizes
        rows = self.seats.space.rows
        step = rows(to_train).sum(axis=0) - rows(to_test).sum(axis=0)
        return _SwapScore(self.seats, self.sign, self.train_mean + step / n1, self.test_mean - step / n2)

    def linear(self, rows: Indices) -> Array:
        """Give the part that a class adds by joining the train side, and takes away by leaving it."""
        n1, n2 = self._sizes
        gap = self.train_mean - self.test_mean
        direction = 2 * (1 / n1 + 1 / n2) * gap - 2 * self.train_mean / (n1 - 1) + 2 * self.test_mean / (n2 - 1)
        along = self.seats.space.products(direction[:, np.newaxis], rows)[:, 0]
        return self.sign * (along + self.seats.space.squares[rows] * (1 / (n1 - 1) - 1 / (n2 - 1)))

    def lasting(self, rows: Indices, norm_changes: Array) -> Array:
        """Give the part that does not depend on the means."""
        n1, n2 = self._sizes
        curvature = (1 / n1 + 1 / n2) ** 2 - 1 / (n1 * (n1 - 1)) - 1 / (n2 * (n2 - 1))
        scale = 2 / np.sqrt(float(n1 - 1) * (n2 - 1))
        return self.sign * (curvature * self.seats.space.squares[rows] - scale * norm_changes)

    @property
    def _sizes(self) -> tuple[int, int]:
        return len(self.seats.train), len(self.seats.test)


def _norm_changes(
    seats: Seats,
    train_seats: Indices,
    test_seats: Indices,
    changes: Callable[[LoneMoves], tuple[Array, Array]],
) -> tuple[Array, Array]:
    """Give the change of the nuclear norm for each class alone, a block of classes at a time."""
    starts = range(0, max(len(train_seats), len(test_seats)), _BLOCK)
    parts = [
        changes(seats.lone_moves(train_seats[start : start + _BLOCK], test_seats[start : start + _BLOCK]))
        for start in starts
    ]
    of_train, of_test = zip(*parts, strict=True)
    return np.concatenate(of_train), np.concatenate(of_test)


def _candidate_count(moves: int) -> int:
    return max(_LEAST_CANDIDATES, int(_CANDIDATES_A_MOVE * moves))


def _highest(scores: Array, count: int) -> Indices:
    """Give the places of the highest scores, best first; equal ones in their order."""
    return np.argsort(-scores, kind="stable")[:count]
