"""What the nuclear norm of the cross block changes by when one class alone moves, for many classes at once.

The scatter matrices M1 and M2 of the two sides change by rank one or two when a class leaves or joins a side, so the
determinant of ``I + M1 M2 / t^2`` changes by a factor in closed form (see `log_determinants`). It takes three forms of
the class's deviations ``e = x - m1`` and ``f = x - m2``, with ``R = (t^2 + M1 M2)^-1``: q is ``e^T M2 R e``, p is
``f^T R M1 f`` and s is ``t e^T R^T f``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness.log_determinants import COARSE, Rule, norm_change

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OwnForms:
    """The three forms of some classes with themselves at some values of t, in any one shape."""

    q: Array
    p: Array
    s: Array

    def of(self, which: Any) -> OwnForms:
        """Pick the forms of some of the classes, by any index of NumPy."""
        return OwnForms(self.q[which], self.p[which], self.s[which])

    def of_other_side(self) -> OwnForms:
        """Give the forms with the roles of the sides exchanged."""
        return OwnForms(self.p, self.q, self.s)


@dataclass(frozen=True)
class LoneMoves:
    """Classes of either side that may move, with what the forms need.

    Attributes
    ----------
    sizes
        The numbers of classes of the sides, n1 and n2.
    values
        Singular values of the cross block.
    train_forms, test_forms
        Take values of t, shape (k,), and give the forms of the train and of the test classes, shape (k, classes).
    """

    sizes: tuple[int, int]
    values: Array
    train_forms: Callable[[Array], OwnForms]
    test_forms: Callable[[Array], OwnForms]

    def crossing(self) -> tuple[Array, Array]:
        """Give the change of the nuclear norm when each train, and each test class, goes to the other side."""
        n1, n2 = self.sizes
        return (
            norm_change(self.values, lambda nodes: crossing_factor(n1, n2, self.train_forms(nodes))),
            norm_change(self.values, lambda nodes: crossing_factor(n2, n1, self.test_forms(nodes).of_other_side())),
        )

    def leaving(self, rule: Rule = COARSE) -> tuple[Array, Array]:
        """Give the change of the nuclear norm when each train, and each test class, is removed."""
        n1, n2 = self.sizes
        return (
            norm_change(self.values, lambda nodes: leaving_factor(n1, self.train_forms(nodes)), rule),
            norm_change(self.values, lambda nodes: leaving_factor(n2, self.test_forms(nodes).of_other_side()), rule),
        )


def crossing_factor(left: int, joined: int, forms: OwnForms) -> Array:
    """Factor of the determinant when a class leaves a side of `left` classes and joins one of `joined` classes."""
    leaves, joins = left / (left - 1), joined / (joined + 1)
    return (1 - leaves * forms.q) * (1 + joins * forms.p) - leaves * joins * forms.s**2


def leaving_factor(left: int, forms: OwnForms) -> Array:
    """Factor of the determinant when a class leaves a side of `left` classes."""
    return 1 - left / (left - 1) * forms.q
