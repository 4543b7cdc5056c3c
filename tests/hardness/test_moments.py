"""Distances from moments, against the Gram form; updates in low rank, against computing anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.hardness import frechet_distance
from oodml_bench.hardness.factors import well_conditioned_cholesky
from oodml_bench.hardness.frechet import nuclear_norm
from oodml_bench.hardness.moments import (
    MAX_DRIFT,
    MomentDecomposition,
    Moments,
    log_determinant,
    norm_of_eigenvalues,
)

# Sizes of the sides and the dimension: far from singular, barely, singular on one side, on both, and D = 1.
REGIMES = [(60, 50, 8), (14, 13, 12), (6, 40, 12), (5, 7, 12), (9, 9, 1)]


def sides(n1, n2, dimension, seed=0):
    rng = np.random.default_rng(seed)
    scales = np.linspace(3, 0.1, dimension)
    return rng.normal(size=(n1, dimension)) * scales, rng.normal(0.5, 1.3, size=(n2, dimension)) * scales


def moments_of(train, test):
    # Several blocks a side.
    return Moments.of(np.array_split(train, 3), np.array_split(test, 2))


@pytest.mark.parametrize("regime", REGIMES)
def test_moments_give_the_same_distance(regime):
    train, test = sides(*regime)
    expected = frechet_distance(train, test)
    for distance in (moments_of(train, test).distance(), MomentDecomposition.of(moments_of(train, test)).distance()):
        assert distance.mean_term == pytest.approx(expected.mean_term, rel=1e-10)
        assert distance.covariance_term == pytest.approx(expected.covariance_term, rel=1e-10)


def test_classes_in_a_subspace_lose_nothing():
    train, test = sides(60, 50, 12)
    train[:, 8:], test[:, 5:] = 0, 0
    assert moments_of(train, test).distance().fid == pytest.approx(frechet_distance(train, test).fid, rel=1e-10)


def test_very_unequal_scales_lose_nothing():
    train, test = sides(80, 70, 10)
    scales = np.logspace(0, -6, 10)
    expected = frechet_distance(train * scales, test * scales).fid
    assert moments_of(train * scales, test * scales).distance().fid == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_constant_sides_differ_by_their_means_alone(value):
    moments = moments_of(np.zeros((6, 3)), np.full((5, 3), value))
    assert moments.distance().fid == pytest.approx(3 * value**2)
    assert MomentDecomposition.of(moments).distance().fid == pytest.approx(3 * value**2)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 6), regime=st.sampled_from(REGIMES))
def test_updates_equal_computing_anew(seed, count, regime):
    train, test = sides(*regime, seed)
    count = min(count, len(train) - 2, len(test) - 2)
    swapped = moments_of(train, test).after_swaps(train[:count], test[:count])
    removed = moments_of(train, test).after_removals(train[:count], test[:count])
    crossed = np.concatenate([test[:count], train[count:]]), np.concatenate([train[:count], test[count:]])
    for updated, anew in ((swapped, crossed), (removed, (train[count:], test[count:]))):
        assert updated.sizes == tuple(map(len, anew))
        expected = frechet_distance(*anew)
        assert updated.distance().fid == pytest.approx(expected.fid, rel=1e-9, abs=1e-9)


def test_the_drift_bound_holds_and_ends_in_a_warning():
    train, test = sides(60, 50, 8)
    moments = moments_of(train, test)
    rng = np.random.default_rng(0)
    assert not moments.has_drifted
    for _ in range(300):
        i, j = rng.choice(60, 20, replace=False), rng.choice(50, 20, replace=False)
        moments = moments.after_swaps(train[i], test[j])
        train[i], test[j] = test[j], train[i]
    anew = moments_of(train, test)
    for side, exact in ((moments.train, anew.train), (moments.test, anew.test)):
        measured = np.linalg.norm(side.second - exact.second, "nuc") / np.trace(exact.second)
        assert 0 < measured < side.drift < MAX_DRIFT
    while not moments.has_drifted:
        moments = moments.after_swaps(train, test[:0]).after_swaps(train[:0], train)


@pytest.mark.parametrize("regime", REGIMES)
def test_lone_moves_are_predicted_as_measured(regime):
    train, test = sides(*regime)
    decomposition = MomentDecomposition.of(moments_of(train, test))
    crossing, leaving = (getattr(decomposition.lone_moves(train, test), kind)() for kind in ("crossing", "leaving"))
    norm = moments_of(train, test).nuclear_norm()

    def measured(moved):
        return np.array([moved(number).nuclear_norm() - norm for number in range(len(train))])

    def crossed(number):
        return moments_of(np.delete(train, number, 0), np.concatenate([test, train[[number]]]))

    def removed(number):
        return moments_of(np.delete(train, number, 0), test)

    for predicted, exact in ((crossing[0], measured(crossed)), (leaving[0], measured(removed))):
        assert np.abs(predicted - exact).max() < 0.01 * np.abs(exact).max()
    # The other side's, by exchanging the names.
    mirrored = MomentDecomposition.of(moments_of(test, train)).lone_moves(test, train)
    assert mirrored.crossing()[0] == pytest.approx(crossing[1], rel=0.02, abs=0.01 * np.abs(crossing[1]).max())
    assert mirrored.leaving()[0] == pytest.approx(leaving[1], rel=0.02, abs=0.01 * np.abs(leaving[1]).max())


def test_eigenvalues_are_used_only_where_they_are_accurate():
    train, test = (moments_of(*sides(60, 50, 8)).train.scatter, moments_of(*sides(60, 50, 8)).test.scatter)
    factors = [well_conditioned_cholesky(scatter) for scatter in (train, test)]
    eigenvalues = np.linalg.eigvalsh(factors[0] @ test @ factors[0].T)
    expected = log_determinant(*factors)
    assert norm_of_eigenvalues(eigenvalues, expected) == pytest.approx(nuclear_norm(factors[0] @ factors[1].T))
    # As inexact as eigenvalues of a product of badly conditioned matrices are.
    assert norm_of_eigenvalues(eigenvalues + 1e-9 * eigenvalues[-1], expected) is None
    assert norm_of_eigenvalues(eigenvalues - 2 * eigenvalues[0], expected) is None


def test_the_crossing_form_is_the_first_order_of_the_exact_change():
    train, test = sides(400, 380, 6)
    decomposition = MomentDecomposition.of(moments_of(train, test))
    form = decomposition.crossing_form()
    estimated = np.einsum("ij,jk,ik->i", train, form.matrix, train) + train @ form.vector + form.constant
    exact, _ = decomposition.lone_moves(train, test).crossing()
    assert np.corrcoef(estimated, exact)[0, 1] > 0.999
    assert estimated == pytest.approx(exact, rel=0.05, abs=0.05 * float(np.abs(exact).max()))
