"""The interval of an FID, against leaving every class out and against fresh draws."""

import numpy as np
import pytest

from oodml_bench.hardness import ClassSpace, frechet_distance, jackknife
from oodml_bench.hardness.jackknife import fid_interval


def draw(rng, n1, n2, dimension):
    """Draw sides of two populations that differ in mean and in covariance, and name their rows."""
    scale = np.arange(1, dimension + 1) ** -0.5
    train = rng.normal(size=(n1, dimension)) * scale
    test = rng.normal(size=(n2, dimension)) * scale * np.where(np.arange(dimension) % 2, 1.5, 0.7)
    test[:, :3] += 1
    return train, test


def interval_of(train, test, fid=None):
    space = ClassSpace([f"c{number:03}" for number in range(len(train) + len(test))], np.concatenate([train, test]))
    rows = np.arange(len(train) + len(test))
    fid = frechet_distance(train, test).fid if fid is None else fid
    return fid_interval(fid, space, rows[: len(train)], rows[len(train) :])


@pytest.mark.parametrize(("n1", "n2", "dimension"), [(3, 3, 4), (12, 7, 30), (20, 25, 5)])
def test_equal_to_leaving_each_class_out(n1, n2, dimension):
    train, test = draw(np.random.default_rng(0), n1, n2, dimension)
    without_train = np.array([frechet_distance(np.delete(train, i, axis=0), test).fid for i in range(n1)])
    without_test = np.array([frechet_distance(train, np.delete(test, j, axis=0)).fid for j in range(n2)])
    variance = (n1 - 1) / n1 * np.sum((without_train - without_train.mean()) ** 2)
    variance += (n2 - 1) / n2 * np.sum((without_test - without_test.mean()) ** 2)
    # Far from 0, where the lower end would stop.
    low, high = interval_of(train, test, fid=1000.0)
    assert (high - 1000, 1000 - low) == pytest.approx((1.96 * np.sqrt(variance),) * 2, rel=1e-5)


def test_covers_the_mean_of_fresh_draws():
    rng = np.random.default_rng(0)
    draws = [draw(rng, 40, 30, 20) for _ in range(200)]
    mean = np.mean([frechet_distance(*sides).fid for sides in draws])
    intervals = [interval_of(*sides) for sides in draws]
    assert 0.88 < np.mean([low <= mean <= high for low, high in intervals]) < 0.99


def test_ends_at_zero_and_has_no_width_for_classes_that_are_all_the_same():
    train, test = draw(np.random.default_rng(1), 5, 5, 3)
    low, high = interval_of(train, test, fid=0.0)
    assert (low, high > 0) == (0.0, True)
    assert interval_of(np.zeros((4, 2)), np.full((5, 2), 2.0)) == pytest.approx((8.0, 8.0))


@pytest.mark.parametrize(("n1", "n2"), [(2, 5), (5, 2), (11, 4)])
def test_none_with_too_few_or_too_many_classes(monkeypatch, n1, n2):
    monkeypatch.setattr(jackknife, "MAX_CLASSES", 10)
    assert interval_of(*draw(np.random.default_rng(0), n1, n2, 4)) is None
