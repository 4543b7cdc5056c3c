"""Predicted distances after moves, against measuring every move."""

import numpy as np
import pytest

from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.cross_block import CrossBlock
from oodml_bench.hardness.frechet import nuclear_norm
from oodml_bench.hardness.moves import Decomposition

REGIMES = [(12, 12, 40), (9, 14, 5), (14, 9, 40), (10, 16, 12)]


def space_of(n1, n2, dimension, seed=0):
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(n1 + n2, dimension)) * np.linspace(3, 0.2, dimension)
    return ClassSpace([f"c{number:02}" for number in range(n1 + n2)], means), np.arange(n1), np.arange(n1, n1 + n2)


def exact_changes(space, train, test, moved):
    """Measure the FID after each pair of moves."""
    return np.array(
        [[space.distance(*moved(train, test, i, j)).fid for j in range(len(test))] for i in range(len(train))]
    )


def swapped(train, test, i, j):
    train, test = train.copy(), test.copy()
    train[i], test[j] = test[j], train[i]
    return train, test


def removed(train, test, i, j):
    return np.delete(train, i), np.delete(test, j)


@pytest.mark.parametrize("moved", [swapped, removed])
@pytest.mark.parametrize("regime", REGIMES)
def test_predictions_are_close_and_rank_the_best_pairs_first(regime, moved):
    space, train, test = space_of(*regime)
    decomposition = Decomposition.of(CrossBlock.of(space.gram, train, test))
    predicted = decomposition.fid_after_swaps() if moved is swapped else decomposition.fid_after_removals()
    exact = exact_changes(space, train, test, moved)
    changes = exact - space.distance(train, test).fid
    assert np.abs(predicted - exact).max() < 0.01 * changes.std()
    order = np.argsort(-predicted, axis=None)
    assert np.flatnonzero(order == exact.argmax())[0] < 4
    assert np.flatnonzero(order[::-1] == exact.argmin())[0] < 4


@pytest.mark.parametrize("regime", REGIMES)
def test_a_cross_block_and_its_decomposition_are_exact(regime):
    space, train, test = space_of(*regime)
    block = CrossBlock.of(space.gram, train, test)
    assert block.distance().fid == pytest.approx(space.distance(train, test).fid, rel=1e-12)
    assert Decomposition.of(block).values.sum() == pytest.approx(nuclear_norm(block.cross), rel=1e-12)


def test_degenerate_class_means_give_finite_predictions():
    means = np.zeros((8, 3))
    means[:4, 0] = 1.0
    space = ClassSpace([f"c{number}" for number in range(8)], means)
    decomposition = Decomposition.of(CrossBlock.of(space.gram, np.arange(4), np.arange(4, 8)))
    assert np.isfinite(decomposition.fid_after_swaps()).all()
    assert np.isfinite(decomposition.fid_after_removals()).all()
