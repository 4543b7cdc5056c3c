"""Swapping: properties of the walk, and the greedy choice against trying every swap."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split
from oodml_bench.splits.swapping import greedy_swaps, paper_swaps

from .class_spaces import class_space, fid, halves

DIRECTIONS = ["harder", "easier"]


def every_swap(split):
    for out in split.train:
        for into in split.test:
            train = (*(name for name in split.train if name != out), into)
            test = (*(name for name in split.test if name != into), out)
            yield Split(train, test)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("count", "dimension"), [(8, 3), (14, 30), (15, 6)])
def test_greedy_takes_the_best_swap_of_all_and_stops_where_none_helps(count, dimension, direction):
    space = class_space(count, dimension)
    best = max if direction == "harder" else min
    progression = greedy_swaps(space, halves(space), direction)
    for before, after in pairwise(progression.steps):
        assert after.fid == pytest.approx(best(fid(space, split) for split in every_swap(before.split)), rel=1e-12)
    last = progression.steps[-1]
    assert best(*(fid(space, split) for split in every_swap(last.split)), last.fid) == pytest.approx(last.fid, rel=1e-9)


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(4, 20), dimension=st.integers(1, 25), seed=st.integers(0, 1000), name=st.sampled_from(DIRECTIONS)
)
def test_greedy_is_monotone_and_conserves_classes(count, dimension, seed, name):
    space = class_space(count, dimension, seed)
    start = halves(space)
    steps = greedy_swaps(space, start, name).steps
    sign = 1 if name == "harder" else -1
    assert steps[0].split == start
    for number, step in enumerate(steps):
        assert step.id == str(sign * number)
        assert step.split.classes == start.classes
        assert len(step.split.train) == len(start.train)
        assert step.fid == pytest.approx(fid(space, step.split), rel=1e-10, abs=1e-12)
    for before, after in pairwise(steps):
        assert sign * after.fid > sign * before.fid
        assert after.split.swaps_from(before.split) == 1


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_greedy_does_not_depend_on_the_order_of_classes(direction):
    space = class_space(16, 12)
    order = np.random.default_rng(3).permutation(16)
    shuffled = ClassSpace([space.classes[index] for index in order], space.rows(order))
    expected = [step.split for step in greedy_swaps(space, halves(space), direction).steps]
    assert [step.split for step in greedy_swaps(shuffled, halves(space), direction).steps] == expected


def test_sides_may_differ_in_size():
    space = class_space(17, 30)
    start = Split(space.classes[:5], space.classes[5:])
    for step in greedy_swaps(space, start, "harder").steps:
        assert (len(step.split.train), len(step.split.test)) == (5, 12)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("count", "dimension"), [(12, 4), (12, 20), (7, 3)])
def test_classes_that_are_there_twice_do_not_keep_the_search_going(count, dimension, direction):
    # Twins on opposite sides put the easiest split at FID 0, where every difference is rounding.
    means = np.random.default_rng(0).normal(size=(count, dimension))
    space = ClassSpace([f"c{number:02}" for number in range(2 * count)], np.concatenate([means, means]))
    walked = []

    def on_step(_):
        walked.append(_)
        assert len(walked) < 200

    greedy_swaps(space, halves(space), direction, on_step=on_step)
    shuffled = ClassSpace(
        space.classes, np.random.default_rng(1).permutation(space.rows(np.arange(len(space.classes))))
    )
    assert greedy_swaps(shuffled, halves(space), direction, on_step=on_step).steps


def test_identical_class_means_leave_nothing_to_swap():
    space = ClassSpace([f"c{number}" for number in range(6)], np.ones((6, 4)))
    assert len(greedy_swaps(space, halves(space), "harder").steps) == 1


@settings(deadline=None, max_examples=25)
@given(count=st.integers(12, 24), seed=st.integers(0, 1000), name=st.sampled_from(DIRECTIONS), rounds=st.integers(1, 8))
def test_paper_conserves_classes_and_swaps_as_many_as_it_says(count, seed, name, rounds):
    space = class_space(count, 6, seed)
    start = halves(space)
    steps = paper_swaps(space, start, name, rounds=rounds, swaps_per_round=2, history=4).steps
    assert len(steps) == rounds
    for step in steps:
        assert step.split.classes == start.classes
        assert len(step.split.train) == len(start.train)
    for before, after in pairwise(steps):
        assert after.split.swaps_from(before.split) <= 2


def test_paper_ties_go_to_the_first_in_order():
    # Both train classes lie equally near to the test side.
    space = ClassSpace(["a", "b", "c", "d"], np.array([[0.0, 1.0], [0.0, -1.0], [2.0, 1.0], [2.0, -1.0]]))
    steps = paper_swaps(space, halves(space), "harder", rounds=2, swaps_per_round=1, history=1).steps
    assert steps[1].split == Split(("b", "c"), ("a", "d"))


def test_paper_says_when_its_history_bars_every_class():
    space = class_space(8)
    with pytest.raises(SplitError, match="a history of 30 bars every one of the"):
        paper_swaps(space, halves(space), "easier", rounds=15, swaps_per_round=2, history=30)


def test_more_swaps_a_round_than_classes():
    space = class_space(8)
    with pytest.raises(SplitError, match="5 swaps a round are more than the classes of the smaller side"):
        paper_swaps(space, halves(space), "harder", rounds=2, swaps_per_round=5, history=0)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"swaps_per_round": 0}, {"history": -1}])
def test_paper_settings_out_of_range(wrong):
    space = class_space(8)
    with pytest.raises(SplitError, match="at least 1 round"):
        paper_swaps(space, halves(space), "harder", **{"rounds": 2, "swaps_per_round": 1, "history": 1} | wrong)
