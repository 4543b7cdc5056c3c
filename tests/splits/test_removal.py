"""Removal: properties of the walk, and the greedy choice against trying every pair."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.splits.removal import greedy_removal, paper_removal
from oodml_bench.splits.split import Split

from .class_spaces import class_space, fid, halves


def every_removal(split):
    for out in split.train:
        for other in split.test:
            yield Split(
                tuple(name for name in split.train if name != out), tuple(name for name in split.test if name != other)
            )


@pytest.mark.parametrize(("count", "dimension"), [(8, 3), (12, 30), (13, 6)])
def test_greedy_removes_the_best_pair_of_all(count, dimension):
    space = class_space(count, dimension)
    steps = greedy_removal(space, halves(space), min_classes=2).steps
    for before, after in pairwise(steps):
        assert after.fid == pytest.approx(max(fid(space, split) for split in every_removal(before.split)), rel=1e-12)


@settings(deadline=None, max_examples=25)
@given(
    count=st.integers(6, 20),
    dimension=st.integers(1, 25),
    seed=st.integers(0, 1000),
    paper=st.booleans(),
    keep=st.integers(2, 3),
)
def test_removal_shrinks_both_sides_alike_and_adds_nothing(count, dimension, seed, paper, keep):
    space = class_space(count, dimension, seed)
    start = halves(space)
    if paper:
        steps = paper_removal(space, start, min_classes=keep, removals_per_round=2).steps
        assert len(steps[-1].split.train) == keep
    else:
        steps = greedy_removal(space, start, min_classes=keep).steps
        assert len(steps[-1].split.train) >= keep
        assert np.all(np.diff([step.fid for step in steps]) > 0)
    for step in steps:
        removed = int(step.id.removeprefix("R"))
        assert set(step.split.train) <= set(start.train)
        assert set(step.split.test) <= set(start.test)
        assert len(step.split.train) == len(start.train) - removed
        assert len(step.split.test) == len(start.test) - removed
        assert step.fid == pytest.approx(fid(space, step.split), rel=1e-10, abs=1e-12)


def test_paper_removes_the_classes_at_the_boundary():
    space = class_space(10, 2)
    start = halves(space)
    train = space.rows(space.indices(start.train))
    test_mean = space.rows(space.indices(start.test)).mean(axis=0)
    nearness = np.linalg.norm(train - test_mean, axis=1) - np.linalg.norm(train - train.mean(axis=0), axis=1)
    step = paper_removal(space, start, min_classes=4, removals_per_round=1).steps[1]
    assert set(start.train) - set(step.split.train) == {start.train[int(np.argmin(nearness))]}


@pytest.mark.parametrize("min_classes", [1, 6, -2])
def test_the_least_number_of_classes_must_fit(min_classes):
    space = class_space(10)
    with pytest.raises(SplitError, match=f"is {min_classes}; it must be from 2 to 5"):
        greedy_removal(space, halves(space), min_classes=min_classes)


def test_a_round_removes_at_least_one():
    space = class_space(10)
    with pytest.raises(SplitError, match="at least 1 class a side, got 0"):
        paper_removal(space, halves(space), min_classes=2, removals_per_round=0)
