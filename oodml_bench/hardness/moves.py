"""What the distance becomes when a pair of classes moves, for all pairs at once from one singular value decomposition.

With the scatter matrices M1 and M2 of two sides, the nuclear norm of their cross block is
``(1/pi) * integral over t > 0 of log det(I + M1 M2 / t^2)``. A class that leaves or joins a side changes the side's
scatter matrix by rank one or two, so the determinant changes by a factor which the matrix determinant lemma gives in
closed form: a determinant of order four for a swap, of order two for a removal. Its entries are bilinear forms in the
classes' means, and all of them follow from the Gram matrix and the decomposition of the cross block. The integral is
taken by the trapezoid rule in log t, whose error falls exponentially with the number of nodes.

The predictions are accurate to about 1e-3 of the change. Use them to rank pairs, and an exact distance to decide
between the first few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from oodml_bench.hardness.cross_block import CrossBlock

Array = NDArray[np.float64]

#: Step of the trapezoid rule in log t, and how far it reaches beyond the middle of the singular values on either side.
_NODE_STEP = 1.2
_NODE_REACH = 9.0


@dataclass(frozen=True)
class Decomposition:
    """A cross block with its full singular value decomposition.

    Attributes
    ----------
    block
        The cross block, shape (n1, n2).
    left, right
        Orthogonal matrices, shapes (n1, n1) and (n2, n2).
    values
        Singular values, shape (min(n1, n2),).
    """

    block: CrossBlock
    left: Array
    values: Array
    right: Array

    @classmethod
    def of(cls, block: CrossBlock) -> Decomposition:
        """Decompose a cross block, by a true SVD: eigenvectors of ``A A^T`` give wrong changes."""
        left, values, right = scipy.linalg.svd(block.cross, check_finite=False)
        return cls(block, left, values, right.T)

    def fid_after_swaps(self, *, interactions: bool = True) -> Array:
        """Give the FID after train class i and test class j changed sides, shape (n1, n2).

        Without `interactions` the nuclear norm changes by the sum of what the two classes change by moving alone: many
        times cheaper, and good enough to propose many swaps at once, but not to find the single best one.
        """
        block = self.block
        n1, n2 = block.sizes
        squares = block.gram.diagonal()
        apart = squares[block.train][:, None] + squares[block.test] - 2 * block.gram[np.ix_(block.train, block.test)]
        gap = 1 / n1 + 1 / n2
        mean_terms = (
            block.mean_term + 2 * gap * self._step_of(block.to_train_mean - block.to_test_mean) + gap**2 * apart
        )
        growth = self._step_of(squares)
        train_scatters = block.train_spread.sum() + growth - 2 * self._step_of(block.to_train_mean) - apart / n1
        test_scatters = block.test_spread.sum() - growth + 2 * self._step_of(block.to_test_mean) - apart / n2
        change = self._norm_change(_swap_factor) if interactions else self._norm_change_of_lone_moves()
        return _fids(mean_terms, train_scatters, test_scatters, self.values.sum() + change, (n1, n2))

    def fid_after_removals(self) -> Array:
        """Give the FID after train class i and test class j were removed, shape (n1, n2); n1 and n2 at least 3."""
        block = self.block
        n1, n2 = block.sizes
        train_spread, test_spread = block.train_spread[:, None], block.test_spread[None, :]
        along_gap = block.to_train_mean - block.to_test_mean
        train_along = (along_gap[block.train] - along_gap[block.train].mean())[:, None]
        test_along = (along_gap[block.test] - along_gap[block.test].mean())[None, :]
        mean_terms = (
            block.mean_term
            + train_spread / (n1 - 1) ** 2
            + test_spread / (n2 - 1) ** 2
            - 2 * train_along / (n1 - 1)
            + 2 * test_along / (n2 - 1)
            - 2 * block.cross / ((n1 - 1) * (n2 - 1))
        )
        train_scatters = block.train_spread.sum() - train_spread * n1 / (n1 - 1)
        test_scatters = block.test_spread.sum() - test_spread * n2 / (n2 - 1)
        norms = self.values.sum() + self._norm_change(_removal_factor)
        return _fids(mean_terms, train_scatters, test_scatters, norms, (n1 - 1, n2 - 1))

    def _step_of(self, of_classes: Array) -> Array:
        """Subtract train class i's value from test class j's, shape (n1, n2)."""
        return of_classes[self.block.test][None, :] - of_classes[self.block.train][:, None]

    def _norm_change(self, factor: Callable[[_Forms], Array]) -> Array:
        """``(1/pi) * integral of log factor dt`` for every pair, by the trapezoid rule in log t."""
        projected = _Projected.of(self)
        total = np.zeros(self.block.sizes)
        for node in _nodes(self.values):
            total += node * _log(factor(projected.forms(node)))
        return total * (_NODE_STEP / np.pi)

    def _norm_change_of_lone_moves(self) -> Array:
        """Add up what train class i and test class j change by crossing alone, shape (n1, n2)."""
        projected = _Projected.of(self)
        n1, n2 = self.block.sizes
        of_train, of_test = np.zeros((n1, 1)), np.zeros((1, n2))
        for node in _nodes(self.values):
            own = projected.own_forms(node)
            of_train += node * _log(_crossing_factor(n1, n2, own.q_train, own.p_train, own.s_train))
            of_test += node * _log(_crossing_factor(n2, n1, own.p_test, own.q_test, own.s_test))
        return (of_train + of_test) * (_NODE_STEP / np.pi)


@dataclass(frozen=True)
class _Projected:
    """The classes' deviations e = x - m1 and f = x - m2 as the determinants need them.

    With the decomposition ``U diag(s) V^T`` of the cross block ``C1 C2^T``: the rows of `along_test` are
    ``V^T C2 e``, those of `along_train` are ``U^T C1 f``, for the train classes and then for the test classes;
    `products` holds ``e_x . f_y``.
    """

    decomposition: Decomposition
    along_test: tuple[Array, Array]
    along_train: tuple[Array, Array]
    products: Array

    @classmethod
    def of(cls, decomposition: Decomposition) -> _Projected:
        block = decomposition.block
        both = np.concatenate([block.train, block.test])
        # (x - m1) . (y - m2) for all classes x and y of either side.
        products = (
            block.gram[np.ix_(both, both)]
            - block.to_test_mean[both][:, None]
            - block.to_train_mean[both][None, :]
            + block.means_product
        )
        n1 = len(block.train)
        along_test = products[:, n1:] @ decomposition.right
        along_train = products[:n1, :].T @ decomposition.left
        return cls(decomposition, (along_test[:n1], along_test[n1:]), (along_train[:n1], along_train[n1:]), products)

    def own_forms(self, node: float) -> _OwnForms:
        """Evaluate the forms of each class with itself at t = node."""
        (e_train, e_test), (f_train, f_test) = self.along_test, self.along_train
        on_train, on_test = self._resolvents(node)
        mixed = self.decomposition.values * on_train[: len(self.decomposition.values)]
        rank, n1 = len(mixed), len(e_train)

        def own_mixed_form(e: Array, f: Array, products: Array) -> Array:
            return (products - (e[:, :rank] * f[:, :rank]) @ mixed) / node

        products = self.products.diagonal()
        return _OwnForms(
            q_train=(e_train**2 @ on_test)[:, None],
            q_test=(e_test**2 @ on_test)[None, :],
            p_train=(f_train**2 @ on_train)[:, None],
            p_test=(f_test**2 @ on_train)[None, :],
            s_train=own_mixed_form(e_train, f_train, products[:n1])[:, None],
            s_test=own_mixed_form(e_test, f_test, products[n1:])[None, :],
        )

    def forms(self, node: float) -> _Forms:
        """Evaluate all bilinear forms at t = node."""
        (e_train, e_test), (f_train, f_test) = self.along_test, self.along_train
        on_train, on_test = self._resolvents(node)
        mixed = self.decomposition.values * on_train[: len(self.decomposition.values)]
        rank, n1 = len(mixed), len(e_train)

        def mixed_form(e: Array, f: Array, products: Array) -> Array:
            return (products - (e[:, :rank] * mixed) @ f[:, :rank].T) / node

        return _Forms(
            sizes=self.decomposition.block.sizes,
            own=self.own_forms(node),
            q_pair=(e_train * on_test) @ e_test.T,
            p_pair=(f_train * on_train) @ f_test.T,
            s_pair=mixed_form(e_train, f_test, self.products[:n1, n1:]),
            s_pair_back=mixed_form(e_test, f_train, self.products[n1:, :n1]).T,
        )

    def _resolvents(self, node: float) -> tuple[Array, Array]:
        """``1 / (s^2 + t^2)`` along the columns of U and of V; s is 0 beyond the rank."""
        values = self.decomposition.values
        n1, n2 = self.decomposition.block.sizes
        on_train, on_test = np.full(n1, node**-2), np.full(n2, node**-2)
        on_train[: len(values)] = on_test[: len(values)] = 1 / (values**2 + node**2)
        return on_train, on_test


@dataclass(frozen=True)
class _OwnForms:
    """The forms of `_Forms` that take both vectors from one class: shapes (n1, 1) and (1, n2)."""

    q_train: Array
    q_test: Array
    p_train: Array
    p_test: Array
    s_train: Array
    s_test: Array


@dataclass(frozen=True)
class _Forms:
    """Bilinear forms of the deviations at one t, shape (n1, n2).

    With ``R = (t^2 + M1 M2)^-1``: q is ``e^T M2 R e``, p is ``f^T R M1 f`` and s is ``t e^T R^T f``. `_train` takes
    both vectors from train class i, `_test` both from test class j, `_pair` the first from i and the second from j;
    `s_pair_back` takes e from j and f from i.
    """

    sizes: tuple[int, int]
    own: _OwnForms
    q_pair: Array
    p_pair: Array
    s_pair: Array
    s_pair_back: Array


def _removal_factor(forms: _Forms) -> Array:
    """Factor of the determinant when train class i and test class j leave their sides."""
    n1, n2 = forms.sizes
    train, test = n1 / (n1 - 1), n2 / (n2 - 1)
    return (1 - train * forms.own.q_train) * (1 - test * forms.own.p_test) + train * test * forms.s_pair**2


def _crossing_factor(left: int, joined: int, q: Array, p: Array, s: Array) -> Array:
    """Factor of the determinant when one class leaves a side of `left` classes and joins one of `joined` classes."""
    leaving, joining = left / (left - 1), joined / (joined + 1)
    return (1 - leaving * q) * (1 + joining * p) - leaving * joining * s**2


def _swap_factor(forms: _Forms) -> Array:
    """Factor of the determinant when train class i and test class j change places.

    M1 changes by ``Z K1 Z^T`` with Z = (e_i, e_j), M2 by ``W K2 W^T`` with W = (f_j, f_i), and
    ``K = [[-(n + 1), 1], [1, n - 1]] / n``. The factor is the determinant of
    ``[[I + K1 Q, -K1 S], [K2 S^T, I + K2 P]]``, expanded by the minors of its upper and lower rows.
    """
    n1, n2 = forms.sizes
    own = forms.own
    q = ((own.q_train, forms.q_pair), (forms.q_pair, own.q_test))
    p = ((own.p_test, forms.p_pair), (forms.p_pair, own.p_train))
    s = ((forms.s_pair, own.s_train), (own.s_test, forms.s_pair_back))
    s_transposed = ((s[0][0], s[1][0]), (s[0][1], s[1][1]))
    upper_left, upper_right = _replaced(n1, q, 1), _replaced(n1, s, 0)
    lower_left, lower_right = _replaced(n2, s_transposed, 0), _replaced(n2, p, 1)
    upper = [(*upper_left[row], -upper_right[row][0], -upper_right[row][1]) for row in (0, 1)]
    lower = [(*lower_left[row], *lower_right[row]) for row in (0, 1)]

    def minor(rows: Sequence[_Row], first: int, second: int) -> Array:
        return rows[0][first] * rows[1][second] - rows[0][second] * rows[1][first]

    return (
        minor(upper, 0, 1) * minor(lower, 2, 3)
        - minor(upper, 0, 2) * minor(lower, 1, 3)
        + minor(upper, 0, 3) * minor(lower, 1, 2)
        + minor(upper, 1, 2) * minor(lower, 0, 3)
        - minor(upper, 1, 3) * minor(lower, 0, 2)
        + minor(upper, 2, 3) * minor(lower, 0, 1)
    )


_Row = tuple[Array, Array, Array, Array]
_Block = tuple[tuple[Array, Array], tuple[Array, Array]]


def _replaced(size: int, block: _Block, identity: int) -> _Block:
    """``identity + K block`` for the replacement of one class by another on a side of some size."""
    leaves, joins = -(size + 1) / size, (size - 1) / size
    (a, b), (c, d) = block
    return (
        (identity + leaves * a + c / size, leaves * b + d / size),
        (a / size + joins * c, identity + b / size + joins * d),
    )


def _log(factors: Array) -> Array:
    """Logarithm of factors that are positive in exact arithmetic."""
    return np.log(np.maximum(factors, np.finfo(np.float64).tiny))


def _fids(
    mean_terms: Array, train_scatters: Array, test_scatters: Array, norms: Array, sizes: tuple[int, int]
) -> Array:
    first, second = sizes[0] - 1, sizes[1] - 1
    return mean_terms + train_scatters / first + test_scatters / second - 2 * norms / np.sqrt(float(first) * second)


def _nodes(values: Array) -> Array:
    """Give values of t, evenly spaced in log t, around the singular values that are not rounding."""
    positive = values[values > values.max() * 1e-9] if values.max() > 0 else np.ones(1)
    centre = np.log(positive).mean()
    return np.exp(np.arange(centre - _NODE_REACH, centre + _NODE_REACH + _NODE_STEP, _NODE_STEP))
