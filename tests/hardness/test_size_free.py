"""Distances that do not depend on the numbers of classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace, size_free
from oodml_bench.hardness.size_free import size_free as measure

sizes = st.integers(2, 9)


def means_of(n1, n2, dimension, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n1 + n2, dimension)) + rng.normal(size=dimension) * 2


def measured(means, train, test):
    return measure(ClassSpace([f"c{number:03}" for number in range(len(means))], means), train, test)


def sides(n1, n2):
    return np.arange(n1), np.arange(n1, n1 + n2)


def double_sums(means, train, test, kernel):
    """Sum a kernel over all pairs, one after the other."""

    def inside(side):
        pairs = [kernel(means[i], means[j]) for i in side for j in side if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(means[i], means[j]) for i in train for j in test]
    return inside(train) + inside(test) - 2 * sum(between) / len(between)


@given(n1=sizes, n2=sizes, dimension=st.integers(1, 6), block=st.sampled_from([1, 2, 3, 512]), seed=st.integers(0, 999))
def test_equal_to_double_sums_and_to_the_formula_of_the_means(n1, n2, dimension, block, seed):
    means, (train, test) = means_of(n1, n2, dimension, seed), sides(n1, n2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size_free, "_BLOCK", block)
        result = measured(means, train, test)
    kid = double_sums(means, train, test, lambda x, y: (x @ y / dimension + 1) ** 3)
    gap = means[train].mean(axis=0) - means[test].mean(axis=0)
    noise = sum(means[side].var(axis=0, ddof=1).sum() / len(side) for side in (train, test))
    assert result.kid == pytest.approx(kid, rel=1e-9, abs=1e-9)
    assert result.mean_distance == pytest.approx(gap @ gap - noise, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n1", [4, 10, 20])
def test_random_splits_are_at_zero_on_average_whatever_the_sizes(n1):
    means = means_of(20, 20, 4)
    means[:5] *= 3
    rng = np.random.default_rng(1)
    shuffles = [rng.permutation(40) for _ in range(400)]
    results = [measured(means, shuffle[:n1], shuffle[n1 : 2 * n1]) for shuffle in shuffles]
    for values in ([result.mean_distance for result in results], [result.kid for result in results]):
        assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))
        # Means of distances that cannot fall below 0 would lie far outside.
        assert np.std(values) > 0


def test_sides_that_differ_keep_their_distance_when_classes_get_fewer():
    means = means_of(100, 100, 5)
    means[:100, 0] += 2
    train, test = sides(100, 100)
    whole = measured(means, train, test)
    rng = np.random.default_rng(2)
    drawn = [measured(means, rng.choice(train, 12, False), rng.choice(test, 7, False)) for _ in range(400)]
    for name in ("mean_distance", "kid"):
        values = [getattr(result, name) for result in drawn]
        assert np.mean(values) == pytest.approx(getattr(whole, name), abs=3 * np.std(values) / 20)


@given(n1=sizes, n2=sizes, dimension=st.integers(2, 6), seed=st.integers(0, 999))
def test_symmetric_and_blind_to_order_and_the_means_to_rotation_and_shift(n1, n2, dimension, seed):
    means, (train, test) = means_of(n1, n2, dimension, seed), sides(n1, n2)
    result = measured(means, train, test)
    rng = np.random.default_rng(seed)
    for same in (measured(means, test, train), measured(means, rng.permutation(train), rng.permutation(test))):
        assert same.mean_distance == pytest.approx(result.mean_distance, rel=1e-9, abs=1e-9)
        assert same.kid == pytest.approx(result.kid, rel=1e-9, abs=1e-9)
    rotation = ortho_group.rvs(dimension, random_state=seed)
    assert measured(means @ rotation, train, test).kid == pytest.approx(result.kid, rel=1e-9, abs=1e-9)
    moved = measured(means @ rotation + rng.normal(size=dimension), train, test)
    assert moved.mean_distance == pytest.approx(result.mean_distance, rel=1e-9, abs=1e-9)


def test_classes_on_neither_side_do_not_matter():
    means, (train, test) = means_of(6, 5, 3), sides(6, 5)
    with_others = np.concatenate([means, means_of(4, 4, 3, seed=1) * 10])
    first, second = measured(means, train, test), measured(with_others, train, test)
    assert second.mean_distance == pytest.approx(first.mean_distance)
    assert second.kid == pytest.approx(first.kid)


def test_too_many_classes_are_too_dear(monkeypatch):
    monkeypatch.setattr(size_free, "MAX_CLASSES", 10)
    assert measured(means_of(6, 5, 3), *sides(6, 5)) is None
    assert measured(means_of(5, 5, 3), *sides(5, 5)) is not None


def test_one_class_is_too_few():
    with pytest.raises(SplitError, match="at least 2 classes on each side, got 1 train and 3 test"):
        measured(means_of(1, 3, 2), *sides(1, 3))
