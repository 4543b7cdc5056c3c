"""The best end point, and the nested path to it."""

import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.ascent import ascend
from oodml_bench.splits.multistart import best_swaps
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split
from oodml_bench.splits.swapping import greedy_swaps

from .class_spaces import class_space, fid, halves

DATA = Path(__file__).parent.parent / "data"
DIRECTIONS = ["harder", "easier"]


def every_fid(space, n1):
    everyone = np.arange(len(space.classes))
    return [space.distance(np.array(train), np.setdiff1d(everyone, train)).fid for train in combinations(everyone, n1)]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("count", "n1", "dimension"), [(8, 4, 3), (10, 5, 20), (11, 4, 6), (12, 6, 5), (13, 6, 40)])
def test_finds_the_best_of_all_splits(count, n1, dimension, direction):
    space = class_space(count, dimension, seed=count)
    start = Split(space.classes[:n1], space.classes[n1:])
    best = (max if direction == "harder" else min)(every_fid(space, n1))
    assert best_swaps(space, start, direction).steps[-1].fid == pytest.approx(best, rel=1e-9)


@settings(max_examples=15)
@given(
    count=st.integers(6, 18), dimension=st.integers(2, 25), seed=st.integers(0, 1000), name=st.sampled_from(DIRECTIONS)
)
def test_the_path_is_monotone_and_nested(count, dimension, seed, name):
    space = class_space(count, dimension, seed)
    start = halves(space)
    steps = best_swaps(space, start, name).steps
    sign = 1 if name == "harder" else -1
    end = steps[-1].split
    assert steps[0].split == start
    for before, after in pairwise(steps):
        assert sign * after.fid > sign * before.fid
        assert int(after.id) == sign * after.split.swaps_from(start)
        # A class that has reached the side where it ends stays there.
        assert set(before.split.test) & set(end.test) <= set(after.split.test)
        assert set(before.split.train) & set(end.train) <= set(after.split.train)
    for step in steps:
        assert step.split.classes == start.classes
        assert step.fid == pytest.approx(fid(space, step.split), rel=1e-10)
    greedy = greedy_swaps(space, start, name).steps[-1].fid
    assert sign * steps[-1].fid >= sign * greedy - 1e-9 * greedy


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("name", ["wide", "tall"])
def test_no_easier_than_the_published_rule_at_the_same_number_of_swaps(name, direction):
    golden = json.loads((DATA / f"paper_swaps_{name}.json").read_text())[direction]["rounds"]
    with np.load(DATA / f"class_means_{name}.npz") as arrays:
        space = ClassSpace(arrays["classes"].tolist(), arrays["features"])
    start = Split(tuple(golden[0]["train"]), tuple(golden[0]["test"]))
    steps = best_swaps(space, start, direction).steps
    sign = 1 if direction == "harder" else -1
    for published in golden:
        swaps = Split(tuple(published["train"]), tuple(published["test"])).swaps_from(start)
        reached = [step.fid for step in steps if abs(int(step.id)) <= swaps]
        assert sign * reached[-1] >= sign * published["fid"] * (1 - sign * 1e-4)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_ascent_ends_where_no_single_swap_helps(direction):
    space = class_space(20, 30)
    sign = 1 if direction == "harder" else -1
    end, end_fid = ascend(Seats.of(space, halves(space)), direction)
    assert end_fid == pytest.approx(end.distance().fid)
    for i in range(10):
        for j in range(10):
            assert sign * end.swapped(i, j).distance().fid <= sign * end_fid + 1e-9 * end_fid


def test_the_seed_and_the_effort_are_checked():
    space = class_space(8)
    with pytest.raises(SplitError, match="effort must be at least 1"):
        best_swaps(space, halves(space), "harder", effort=0)


def test_the_same_seed_gives_the_same_path():
    space = class_space(24, 12)
    assert best_swaps(space, halves(space), "easier", seed=3) == best_swaps(space, halves(space), "easier", seed=3)


def test_a_start_that_is_best_already_stays():
    space = class_space(10, 4)
    end = best_swaps(space, halves(space), "harder").steps[-1].split
    assert len(best_swaps(space, end, "harder").steps) == 1
