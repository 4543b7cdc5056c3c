"""Class sets drawn at random, as a control."""

from itertools import pairwise

import pytest

from oodml_bench.errors import SplitError
from oodml_bench.splits.control import random_removal, random_splits
from oodml_bench.splits.search import SearchSettings, search

from .class_spaces import class_space, fid, halves


@pytest.mark.parametrize("direction", ["harder", "easier"])
def test_random_splits_are_ordered_and_keep_classes_and_sizes(direction):
    space = class_space(30)
    start = halves(space)
    steps = random_splits(space, start, direction, draws=40, seed=3).steps
    sign = 1 if direction == "harder" else -1
    assert steps[0].split == start
    assert 1 < len(steps) <= 41
    for number, (before, after) in enumerate(pairwise(steps), start=1):
        assert after.id == str(sign * number)
        assert sign * after.fid > sign * before.fid
        assert after.split.classes == start.classes
        assert len(after.split.train) == len(start.train)
        assert after.fid == pytest.approx(fid(space, after.split), rel=1e-10)


def test_all_draws_are_kept_in_one_direction_or_the_other():
    space = class_space(30)
    kept = [random_splits(space, halves(space), name, draws=200).steps[1:] for name in ("harder", "easier")]
    # The default halves are as random as any, and about as many draws lie on either side of them.
    assert 150 < len(kept[0]) + len(kept[1]) < 250


def test_random_removal_goes_down_to_the_least_number():
    space = class_space(30)
    steps = random_removal(space, halves(space), min_classes=10, seed=1).steps
    assert [step.id for step in steps] == [f"R{number}" for number in range(6)]
    for before, after in pairwise(steps):
        assert set(after.split.train) < set(before.split.train)
        assert set(after.split.test) < set(before.split.test)
        assert len(before.split.train) - len(after.split.train) == 1


def test_seeds_decide():
    space = class_space(30)

    def found(seed):
        return search(space, halves(space), SearchSettings("random", seed=seed), min_classes=10)

    assert found(1) == found(1)
    assert found(1) != found(2)


def test_bad_settings():
    space = class_space(12)
    with pytest.raises(SplitError, match="at least 1 draw"):
        random_splits(space, halves(space), "harder", draws=0)
    with pytest.raises(SplitError, match="not-nested is of --method best, not of random"):
        SearchSettings("random", nested=False)
