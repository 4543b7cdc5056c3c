"""What the distance becomes when a pair of classes moves, for all pairs at once from one singular value decomposition.

The nuclear norm of the cross block follows from determinants (see `log_determinants`). A class that leaves or joins a
side changes the side's scatter matrix by rank one or two, so the determinant changes by a factor which the matrix
determinant lemma gives in closed form: a determinant of order four for a swap, of order two for a removal. Its entries
are bilinear forms in the classes' means, and all of them follow from the Gram matrix and the decomposition of the cross
block.

The predictions are accurate to about 1e-3 of the change. Use them to rank pairs, and an exact distance to decide
between the first few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import linalg
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.frechet import FrechetDistance
from oodml_bench.hardness.log_determinants import FINE, norm_change
from oodml_bench.hardness.lone_moves import LoneMoves, OwnForms, leaving_factor

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: How many factors of pairs are computed at once: few enough for a processor's cache, and enough to make NumPy's calls
#: cheap.
_AT_ONCE = 2**12


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
        left, values, right = linalg.active().svd(block.cross)
        return cls(block, left, values, right.T)

    def distance(self) -> FrechetDistance:
        """Give the exact distance of the sides as they are."""
        return self.block.assembled(float(self.values.sum()))

    def lone_moves(self, train_seats: Indices, test_seats: Indices) -> LoneMoves:
        """Prepare what some classes of either side, given by their places on it, change by moving alone."""
        n1 = self.block.sizes[0]
        projected = _Projected.of(self)
        return LoneMoves(
            self.block.sizes,
            self.values,
            lambda nodes: projected.own_forms(nodes).of(np.s_[:, train_seats]),
            lambda nodes: projected.own_forms(nodes).of(np.s_[:, n1 + test_seats]),
        )

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

    def fid_after_single_removals(self) -> tuple[Array, Array]:
        """Give the FID after one class was removed, shapes (n1,) and (n2,); n1 and n2 at least 3.

        Accurate to about 1e-6 of the change.
        """
        block = self.block
        (n1, n2), spreads = block.sizes, (block.train_spread, block.test_spread)
        changes = self.lone_moves(np.arange(n1), np.arange(n2)).leaving(FINE)
        along_gap = block.to_train_mean - block.to_test_mean
        fids = []
        for own, side, towards_other in ((0, block.train, 1.0), (1, block.test, -1.0)):
            count = len(side)
            along = towards_other * (along_gap[side] - along_gap[side].mean())
            mean_terms = block.mean_term - 2 * along / (count - 1) + spreads[own] / (count - 1) ** 2
            stays = spreads[own].sum() - spreads[own] * count / (count - 1)
            scatters = (stays, spreads[1].sum()) if own == 0 else (spreads[0].sum(), stays)
            sizes = (n1 - 1, n2) if own == 0 else (n1, n2 - 1)
            fids.append(_fids(mean_terms, *scatters, self.values.sum() + changes[own], sizes))
        return fids[0], fids[1]

    def _step_of(self, of_classes: Array) -> Array:
        """Subtract train class i's value from test class j's, shape (n1, n2)."""
        return of_classes[self.block.test][None, :] - of_classes[self.block.train][:, None]

    def _norm_change(self, factor: Callable[[_Forms], Array]) -> Array:
        """Give the change of the nuclear norm for every pair, shape (n1, n2)."""
        projected = _Projected.of(self)
        n1, n2 = self.block.sizes
        at_once = max(1, _AT_ONCE // (n1 * n2))
        return norm_change(self.values, lambda nodes: factor(projected.forms(nodes)), at_once=at_once)

    def _norm_change_of_lone_moves(self) -> Array:
        """Add up what train class i and test class j change by crossing alone, shape (n1, n2)."""
        of_train, of_test = self.lone_moves(*(np.arange(size) for size in self.block.sizes)).crossing()
        return of_train[:, None] + of_test


@dataclass(frozen=True)
class _Projected:
    """The classes' deviations e = x - m1 and f = x - m2 as the determinants need them.

    With the decomposition ``U diag(s) V^T`` of the cross block ``C1 C2^T``: the rows of `along_test` are
    ``V^T C2 e``, those of `along_train` are ``U^T C1 f``, for the train classes and then for the test classes;
    `products` holds ``e_x . f_y``.
    """

    decomposition: Decomposition
    along_test: Array
    along_train: Array
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
        return cls(decomposition, along_test, along_train, products)

    @cached_property
    def _squares(self) -> tuple[Array, Array, Array]:
        rank = len(self.decomposition.values)
        return self.along_test**2, self.along_train**2, self.along_test[:, :rank] * self.along_train[:, :rank]

    def own_forms(self, nodes: Array) -> OwnForms:
        """Evaluate the forms of all classes with themselves at values of t, the train classes first."""
        e_squares, f_squares, mixed_squares = self._squares
        on_train, on_test, mixed = self._resolvents(nodes)
        return OwnForms(
            q=on_test @ e_squares.T,
            p=on_train @ f_squares.T,
            s=(self.products.diagonal() - mixed @ mixed_squares.T) / nodes[:, None],
        )

    def forms(self, nodes: Array) -> _Forms:
        """Evaluate all bilinear forms at values of t, shape (k,)."""
        n1, n2 = self.decomposition.block.sizes
        e_train, e_test = self.along_test[:n1], self.along_test[n1:]
        f_train, f_test = self.along_train[:n1], self.along_train[n1:]
        on_train, on_test, mixed = self._resolvents(nodes)
        rank = mixed.shape[1]
        own = self.own_forms(nodes)

        def mixed_form(e: Array, f: Array, products: Array) -> Array:
            return (products - (e[:, :rank] * mixed[:, None]) @ f[:, :rank].T) / nodes[:, None, None]

        return _Forms(
            sizes=(n1, n2),
            train=own.of(np.s_[:, :n1, None]),
            test=own.of(np.s_[:, None, n1:]),
            q_pair=(e_train * on_test[:, None]) @ e_test.T,
            p_pair=(f_train * on_train[:, None]) @ f_test.T,
            s_pair=mixed_form(e_train, f_test, self.products[:n1, n1:]),
            s_pair_back=mixed_form(e_test, f_train, self.products[n1:, :n1]).swapaxes(1, 2),
        )

    def _resolvents(self, nodes: Array) -> tuple[Array, Array, Array]:
        """``1 / (s^2 + t^2)`` along the columns of U and of V, where s is 0 beyond the rank, and s times it."""
        values, t = self.decomposition.values, nodes[:, None]
        n1, n2 = self.decomposition.block.sizes
        on_train, on_test = (np.repeat(t**-2.0, size, axis=1) for size in (n1, n2))
        on_train[:, : len(values)] = on_test[:, : len(values)] = 1 / (values**2 + t**2)
        return on_train, on_test, values * on_train[:, : len(values)]


@dataclass(frozen=True)
class _Forms:
    """The forms of `lone_moves` at k values of t, for pairs of classes: shape (k, n1, n2).

    `train` takes both vectors from train class i, shape (k, n1, 1), and `test` both from test class j, shape
    (k, 1, n2); `_pair` takes the first from i and the second from j, and `s_pair_back` takes e from j and f from i.
    """

    sizes: tuple[int, int]
    train: OwnForms
    test: OwnForms
    q_pair: Array
    p_pair: Array
    s_pair: Array
    s_pair_back: Array


def _removal_factor(forms: _Forms) -> Array:
    """Factor of the determinant when train class i and test class j leave their sides."""
    n1, n2 = forms.sizes
    alone = leaving_factor(n1, forms.train) * leaving_factor(n2, forms.test.of_other_side())
    return alone + n1 / (n1 - 1) * n2 / (n2 - 1) * forms.s_pair**2


def _swap_factor(forms: _Forms) -> Array:
    """Factor of the determinant when train class i and test class j change places.

    M1 changes by ``Z K1 Z^T`` with Z = (e_i, e_j), M2 by ``W K2 W^T`` with W = (f_j, f_i), and
    ``K = [[-(n + 1), 1], [1, n - 1]] / n``. The factor is the determinant of
    ``[[I + K1 Q, -K1 S], [K2 S^T, I + K2 P]]``, expanded by the minors of its upper and lower rows.
    """
    n1, n2 = forms.sizes
    train, test = forms.train, forms.test
    q = ((train.q, forms.q_pair), (forms.q_pair, test.q))
    p = ((test.p, forms.p_pair), (forms.p_pair, train.p))
    s = ((forms.s_pair, train.s), (test.s, forms.s_pair_back))
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


def _fids(
    mean_terms: Array, train_scatters: Array, test_scatters: Array, norms: Array, sizes: tuple[int, int]
) -> Array:
    first, second = sizes[0] - 1, sizes[1] - 1
    return mean_terms + train_scatters / first + test_scatters / second - 2 * norms / np.sqrt(float(first) * second)
