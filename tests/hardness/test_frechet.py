"""The exact distance, against closed forms, higher precision and the square-root formula."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytorch_fid import fid_score
from scipy.linalg import eigvals, sqrtm
from scipy.stats import ortho_group

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.hardness import ClassSpace, frechet_distance

# Sizes of the sides and the dimension: fewer classes than dimensions, more, and mixed.
REGIMES = [(5, 7, 12), (30, 20, 6), (4, 40, 9), (2, 2, 1), (9, 9, 8), (10, 3, 3)]


def sides(n1, n2, dimension, seed=0):
    rng = np.random.default_rng(seed)
    scales = np.linspace(3, 0.1, dimension)
    return rng.normal(size=(n1, dimension)) * scales, rng.normal(0.5, 1.3, size=(n2, dimension)) * scales


def high_precision_fid(first, second):
    """The definition, with 40 digits; the last trace as the nuclear norm of the centred cross product."""
    with mpmath.workdps(40):
        first, second = mpmath.matrix(first.tolist()), mpmath.matrix(second.tolist())
        centred, means = [], []
        for side in (first, second):
            mean = [mpmath.fsum(side[:, k]) / side.rows for k in range(side.cols)]
            means.append(mean)
            centred.append(mpmath.matrix([[side[i, k] - mean[k] for k in range(side.cols)] for i in range(side.rows)]))
        cross = centred[0] * centred[1].T
        values = mpmath.svd_r(cross, compute_uv=False)
        total = mpmath.fsum((a - b) ** 2 for a, b in zip(*means, strict=True))
        for side in centred:
            total += mpmath.fsum(value**2 for value in side) / (side.rows - 1)
        total -= 2 * mpmath.fsum(values) / mpmath.sqrt((first.rows - 1) * (second.rows - 1))
        return float(total)


@pytest.mark.parametrize("regime", REGIMES)
def test_agrees_with_forty_digits(regime):
    first, second = sides(*regime)
    assert frechet_distance(first, second).fid == pytest.approx(high_precision_fid(first, second), rel=1e-10)


@pytest.mark.parametrize("regime", REGIMES)
def test_agrees_with_the_matrix_square_root_as_far_as_that_goes(regime, monkeypatch):
    # pytorch-fid passes an argument that SciPy is about to drop.
    monkeypatch.setattr(fid_score.linalg, "sqrtm", lambda product, disp: (np.atleast_2d(sqrtm(product)), disp))
    first, second = sides(*regime)
    moments = [
        moment for side in (first, second) for moment in (side.mean(axis=0), np.atleast_2d(np.cov(side, rowvar=False)))
    ]
    expected = fid_score.calculate_frechet_distance(*moments, eps=1e-8)
    assert frechet_distance(first, second).fid == pytest.approx(expected, rel=1e-4)


def test_one_dimension_has_a_closed_form():
    first, second = sides(50, 30, 1)
    distance = frechet_distance(first, second)
    assert distance.mean_term == pytest.approx((first.mean() - second.mean()) ** 2)
    assert distance.covariance_term == pytest.approx((first.std(ddof=1) - second.std(ddof=1)) ** 2)


def test_commuting_covariances_have_a_closed_form():
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    first, second = signs * [1.0, 2.0, 3.0], signs * [5.0, 1.0, 0.5] + 1
    deviations = [np.sqrt(np.diag(np.cov(side, rowvar=False))) for side in (first, second)]
    distance = frechet_distance(first, second)
    assert distance.mean_term == pytest.approx(3.0)
    assert distance.covariance_term == pytest.approx(np.sum((deviations[0] - deviations[1]) ** 2))


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("regime", REGIMES)
def test_identical_sets_are_at_zero_and_never_below(regime, offset):
    first, _ = sides(*regime)
    shuffled = np.random.default_rng(1).permutation(first + offset)
    distance = frechet_distance(first + offset, shuffled)
    trace = np.sum(np.var(first, axis=0, ddof=1))
    assert 0 <= distance.covariance_term <= 1e-9 * trace
    assert 0 <= distance.mean_term <= 1e-9 * trace


def test_constant_sides_differ_by_their_means_alone():
    distance = frechet_distance(np.zeros((4, 3)), np.full((5, 3), 2.0))
    assert distance.fid == distance.mean_term == 12.0


@given(seed=st.integers(0, 10_000), n1=st.integers(2, 12), n2=st.integers(2, 12), dimension=st.integers(1, 10))
def test_symmetric_and_blind_to_order_rotation_and_shift(seed, n1, n2, dimension):
    first, second = sides(n1, n2, dimension, seed)
    fid = frechet_distance(first, second).fid
    rng = np.random.default_rng(seed)
    rotation = ortho_group.rvs(dimension, random_state=seed) if dimension > 1 else np.array([[-1.0]])
    shift = rng.normal(size=dimension)
    same = [
        frechet_distance(second, first),
        frechet_distance(rng.permutation(first), rng.permutation(second)),
        frechet_distance(first @ rotation + shift, second @ rotation + shift),
    ]
    assert fid >= 0
    for distance in same:
        assert distance.fid == pytest.approx(fid, rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 10_000), n1=st.integers(2, 12), n2=st.integers(2, 12), dimension=st.integers(1, 15))
def test_the_gram_matrix_gives_the_same_distance(seed, n1, n2, dimension):
    first, second = sides(n1, n2, dimension, seed)
    space = ClassSpace([f"c{number:02}" for number in range(n1 + n2)], np.concatenate([first, second]))
    distance = space.distance(np.arange(n1), np.arange(n1, n1 + n2))
    expected = frechet_distance(first, second)
    assert distance.mean_term == pytest.approx(expected.mean_term, rel=1e-9, abs=1e-9)
    assert distance.covariance_term == pytest.approx(expected.covariance_term, rel=1e-9, abs=1e-9)


def test_one_class_has_no_covariance():
    with pytest.raises(SplitError, match="at least 2 classes on each side, got 1 train and 3 test"):
        frechet_distance(np.zeros((1, 2)), np.zeros((3, 2)))


def test_sides_must_share_a_dimension():
    with pytest.raises(FeatureError, match=r"\(3, 2\) and \(3, 4\)"):
        frechet_distance(np.zeros((3, 2)), np.zeros((3, 4)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_must_be_finite(bad):
    first, second = sides(3, 3, 2)
    first[1, 1] = bad
    with pytest.raises(FeatureError, match="NaN or infinite"):
        frechet_distance(first, second)
    with pytest.raises(FeatureError, match="class mean of 'c1' is NaN or infinite"):
        ClassSpace(["c0", "c1", "c2"], first)


def test_a_class_space_names_its_classes():
    space = ClassSpace(["b", "a", "c"], np.eye(3))
    assert space.names(space.indices(["c", "b"])) == ("b", "c")
    with pytest.raises(SplitError, match="no features for class 'z'"):
        space.indices(["a", "z"])
    with pytest.raises(FeatureError, match="twice"):
        ClassSpace(["a", "a"], np.eye(2))
    with pytest.raises(FeatureError, match="3 class names need as many rows"):
        ClassSpace(["a", "b", "c"], np.eye(2))


def covariance_root_trace(first, second):
    values = eigvals(first @ second)
    return float(np.sqrt(np.maximum(values.real, 0)).sum())


@pytest.mark.parametrize(("shrinkage", "eps"), [(0.0, 1e-2), (0.3, 0.0), (1.0, 0.0), (0.2, 1e-3)])
@pytest.mark.parametrize("sizes", [(30, 25), (5, 9)])
def test_changed_covariances_are_those_of_the_formula(sizes, shrinkage, eps):
    rng = np.random.default_rng(0)
    train, test = (rng.normal(size=(size, 8)) * np.linspace(1, 3, 8) for size in sizes)
    plain = [np.cov(side, rowvar=False) for side in (train, test)]
    changed = [(1 - shrinkage) * one + (shrinkage * np.trace(one) / 8 + eps) * np.eye(8) for one in plain]
    gap = train.mean(axis=0) - test.mean(axis=0)
    expected = gap @ gap + np.trace(plain[0]) + np.trace(plain[1]) - 2 * covariance_root_trace(*changed)
    assert frechet_distance(train, test, shrinkage=shrinkage, eps=eps).fid == pytest.approx(expected, rel=1e-8)


def test_eps_reproduces_the_published_number():
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(60, 10)), rng.normal(size=(50, 10)) + 1
    first, second = (np.cov(side, rowvar=False) + 1e-8 * np.eye(10) for side in (train, test))
    root = np.trace(sqrtm(first @ second)).real
    gap = train.mean(axis=0) - test.mean(axis=0)
    traces = np.trace(np.cov(train, rowvar=False)) + np.trace(np.cov(test, rowvar=False))
    published = gap @ gap + traces - 2 * root
    assert frechet_distance(train, test, eps=1e-8).fid == pytest.approx(published, rel=1e-12)
    assert frechet_distance(train, test).fid != pytest.approx(published, rel=1e-12)


@pytest.mark.parametrize("options", [{"shrinkage": -0.1}, {"shrinkage": 1.1}, {"eps": -1.0}, {"eps": float("nan")}])
def test_changes_out_of_range(options):
    with pytest.raises(FeatureError, match="shrinkage must be from 0 to 1 and eps at least 0"):
        frechet_distance(np.eye(4), np.eye(4), **options)
