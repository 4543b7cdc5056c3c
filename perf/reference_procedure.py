"""The published procedure for harder splits, in plain NumPy and SciPy: what a user would do without this package.

Written from the description of the study (Milbich, Roth et al., NeurIPS 2021) to be timed beside this package, and as
fair as the description allows: arrays instead of lists, nothing computed twice. What is kept is what it costs: moments
over all features in every round, and the square root of a D x D matrix for each distance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Features = NDArray[np.floating]
Rows = NDArray[np.intp]
Distance = Callable[[Features, Features], float]

#: Added to the diagonals of the covariances.
EPSILON = 1e-8

#: Relative error of `fid` to allow for: of the square root of a singular product, and of `EPSILON`.
KNOWN_ERROR = 1e-4


@dataclass(frozen=True)
class Round:
    """The sides at the beginning of a round, as rows of the features in the order of their seats, and their FID."""

    train: Rows
    test: Rows
    fid: float


def fid(train: Features, test: Features) -> float:
    """Compute the FID from means, covariances and the square root of the covariances' product.

    Parameters
    ----------
    train, test
        Class means, shapes (n1, D) and (n2, D).
    """
    gap = train.mean(axis=0) - test.mean(axis=0)
    first, second = (np.cov(side, rowvar=False) for side in (train, test))
    offset = EPSILON * np.eye(len(first))
    root = scipy.linalg.sqrtm((first + offset) @ (second + offset))
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)


def swap_rounds(
    means: Features,
    train: Rows,
    test: Rows,
    *,
    easier: bool,
    swaps_per_round: int,
    history: int,
    distance: Distance = fid,
) -> Iterator[Round]:
    """Swap the classes that look most like the other side, round after round, without end.

    Towards easier the most typical classes change sides. A seat among the last `history` used on its side is passed
    over. Means are those of the beginning of the round, which is when it is recorded.

    Parameters
    ----------
    means
        Class means, shape (N, D).
    train, test
        Rows of the two sides.
    easier
        Towards easier splits instead of harder ones.
    swaps_per_round, history
        As published: 2 and 5 (30 towards easier) for CUB200, 1000 and 5 for Stanford Online Products.
    distance
        Of the features of two sides; another one shows what the same walk finds without its error.
    """
    train, test = train.copy(), test.copy()
    used_train: deque[int] = deque(maxlen=history)
    used_test: deque[int] = deque(maxlen=history)
    while True:
        yield Round(train.copy(), test.copy(), distance(means[train], means[test]))
        train_order, test_order = boundary_orders(means[train], means[test])
        if easier:
            train_order, test_order = train_order[::-1], test_order[::-1]
        for rank in range(swaps_per_round):
            i = next(seat for seat in train_order[rank:] if seat not in used_train)
            j = next(seat for seat in test_order[rank:] if seat not in used_test)
            used_train.append(i)
            used_test.append(j)
            train[i], test[j] = test[j], train[i]


def removal_rounds(
    means: Features, train: Rows, test: Rows, *, removals_per_round: int, distance: Distance = fid
) -> Iterator[Round]:
    """Remove the classes of either side that look most like the other, round after round, until too few are left.

    As intended: the published code keeps a swap that lowers the FID where it should remove, and measures the FID twice
    a round.

    Parameters
    ----------
    means, train, test, distance
        As for `swap_rounds`.
    removals_per_round
        Classes removed from either side in a round; 2 as published.
    """
    while min(len(train), len(test)) >= 2:
        yield Round(train, test, distance(means[train], means[test]))
        train_order, test_order = boundary_orders(means[train], means[test])
        train = np.delete(train, train_order[:removals_per_round])
        test = np.delete(test, test_order[:removals_per_round])


def boundary_orders(train: Features, test: Features) -> tuple[Rows, Rows]:
    """Order the classes of either side from the one most like the other side to the most typical."""
    train_mean, test_mean = train.mean(axis=0), test.mean(axis=0)
    train_margin = np.linalg.norm(train - test_mean, axis=1) - np.linalg.norm(train - train_mean, axis=1)
    test_margin = np.linalg.norm(test - train_mean, axis=1) - np.linalg.norm(test - test_mean, axis=1)
    return np.argsort(train_margin), np.argsort(test_margin)
