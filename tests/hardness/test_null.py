"""The distance of random splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.null import calibrated, default_draws, grouped_null_fids, null_fids


def space_of(count=30, dimension=8, seed=0):
    means = np.random.default_rng(seed).normal(size=(count, dimension))
    return ClassSpace([f"c{number:02}" for number in range(count)], means)


def test_a_random_split_lies_within_its_null():
    space = space_of(60)
    null = null_fids(space, np.arange(60), 30, draws=400, rng=np.random.default_rng(0))
    fresh = null_fids(space, np.arange(60), 30, draws=400, rng=np.random.default_rng(1))
    inside = np.mean([calibrated(fid, null).inside_band for fid in fresh])
    assert 0.9 < inside < 0.99
    assert abs(np.mean([calibrated(fid, null).z for fid in fresh])) < 0.25
    assert abs(np.mean([calibrated(fid, null).percentile for fid in fresh]) - 0.5) < 0.1


def test_fewer_classes_lie_further_apart():
    space = space_of(60)
    many, few = (
        null_fids(space, np.arange(count), count // 2, draws=50, rng=np.random.default_rng(0)).mean()
        for count in (60, 16)
    )
    assert few > many


def test_depends_on_neither_the_order_of_classes_nor_the_other_classes():
    space = space_of()
    classes = np.array([4, 9, 1, 22, 7, 13, 2, 28])
    first, second = (
        null_fids(space, order, 3, draws=10, rng=np.random.default_rng(5)) for order in (classes, classes[::-1])
    )
    assert (first == second).all()
    alone = ClassSpace([space.classes[row] for row in np.sort(classes)], space.rows(np.sort(classes)))
    assert null_fids(alone, np.arange(8), 3, draws=10, rng=np.random.default_rng(5)) == pytest.approx(first)


@given(fid=st.floats(0, 100), null=st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_calibration_is_what_it_says(fid, null):
    calibration = calibrated(fid, np.array(null))
    assert calibration.null.draws == len(null)
    assert calibration.excess == pytest.approx(fid - np.mean(null), abs=1e-9)
    assert calibration.percentile == sum(value <= fid for value in null) / len(null)
    assert calibration.null.low <= calibration.null.high
    if calibration.z is not None:
        assert calibration.z * calibration.null.sd == pytest.approx(calibration.excess)


def test_constant_classes_have_no_z():
    space = ClassSpace([f"c{number}" for number in range(6)], np.ones((6, 3)))
    assert calibrated(0.0, null_fids(space, np.arange(6), 3, draws=5, rng=np.random.default_rng(0))).z is None


def test_too_few_draws_or_classes():
    with pytest.raises(SplitError, match="at least 2 random splits, got 1"):
        null_fids(space_of(), np.arange(30), 15, draws=1, rng=np.random.default_rng(0))
    with pytest.raises(SplitError, match="at least 2 classes on each side"):
        null_fids(space_of(), np.arange(30), 1, draws=3, rng=np.random.default_rng(0))


@pytest.mark.parametrize("train_count", [30, 45])
def test_moments_give_the_same_null_as_each_split_alone(train_count):
    # More classes than dimensions on both sides.
    space = ClassSpace([f"c{number:02}" for number in range(70)], np.random.default_rng(0).normal(size=(70, 5)))
    classes = np.arange(70)
    found = null_fids(space, classes, train_count, draws=5, rng=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    smaller = min(train_count, 70 - train_count)
    for fid in found:
        shuffle = rng.permutation(classes)
        assert fid == pytest.approx(space.distance(shuffle[:smaller], shuffle[smaller:]).fid, rel=1e-9)


def test_many_classes_take_fewer_draws():
    assert (default_draws(5000), default_draws(5001)) == (100, 20)


def grouped_space(group_count=12, members=5, apart=5.0):
    rng = np.random.default_rng(2)
    centres = apart * rng.normal(size=(group_count, 8))
    means = np.repeat(centres, members, axis=0) + rng.normal(size=(group_count * members, 8))
    space = ClassSpace([f"c{number:02}" for number in range(len(means))], means)
    return space, [np.arange(group * members, (group + 1) * members) for group in range(group_count)]


def test_random_splits_of_whole_groups_lie_further_apart():
    space, groups = grouped_space()
    whole = grouped_null_fids(space, groups, 30, draws=60, rng=np.random.default_rng(0))
    torn = null_fids(space, np.concatenate(groups), 30, draws=60, rng=np.random.default_rng(0))
    assert whole.mean() > 2 * torn.mean()


def test_a_random_split_of_whole_groups_lies_within_their_null():
    space, groups = grouped_space()
    null = grouped_null_fids(space, groups, 30, draws=300, rng=np.random.default_rng(0))
    fresh = grouped_null_fids(space, groups, 30, draws=300, rng=np.random.default_rng(1))
    assert 0.88 < np.mean([calibrated(fid, null).inside_band for fid in fresh]) < 0.99


def test_four_groups_of_two_divide_in_three_ways():
    space, groups = grouped_space(group_count=4, members=2)
    null = grouped_null_fids(space, groups, 4, draws=60, rng=np.random.default_rng(0))
    others = [(0, 1), (0, 2), (0, 3)]
    expected = []
    for pair in others:
        train = np.concatenate([groups[group] for group in pair])
        expected.append(space.distance(train, np.setdiff1d(np.arange(8), train)).fid)
    assert sorted(set(np.round(null, 8))) == pytest.approx(sorted(expected), rel=1e-6)


def test_groups_that_leave_a_side_without_two_classes():
    space = space_of(5)
    with pytest.raises(SplitError, match="no division of 2 groups leaves two classes on either side"):
        grouped_null_fids(space, [np.arange(4), np.arange(4, 5)], 2, draws=2, rng=np.random.default_rng(0))
