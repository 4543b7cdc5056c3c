"""Choosing levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.splits.levels import candidates, named_levels, spread_levels
from oodml_bench.splits.search import SearchSettings, search

from .class_spaces import class_space, halves


def walks(count=24, method="greedy", seed=0):
    space = class_space(count, 10, seed)
    return search(space, halves(space), SearchSettings(method, swaps_per_round=1), min_classes=4)


@settings(deadline=None, max_examples=20)
@given(count=st.integers(1, 12), seed=st.integers(0, 20), method=st.sampled_from(["greedy", "paper"]))
def test_spread_levels_rise_are_distinct_and_hold_the_default(count, seed, method):
    progressions = walks(20, method, seed)
    steps = candidates(progressions)
    default = progressions[0].steps[0]
    count = min(count, len(steps))
    levels = spread_levels(steps, count, default)
    fids = [level.fid for level in levels]
    assert len({level.split for level in levels}) == count
    assert fids == sorted(fids)
    assert default.split in [level.split for level in levels]
    if count > 2:
        assert (fids[0], fids[-1]) == (steps[0].fid, steps[-1].fid)


def test_levels_are_spread_evenly():
    progressions = walks(60)
    steps = candidates(progressions)
    levels = spread_levels(steps, 8, progressions[0].steps[0])
    targets = np.linspace(steps[0].fid, steps[-1].fid, 8)
    spacing = targets[1] - targets[0]
    default = progressions[0].steps[0].split
    off = [abs(level.fid - target) for level, target in zip(levels, targets, strict=True) if level.split != default]
    assert max(off) <= spacing / 2


def test_every_candidate_can_become_a_level():
    progressions = walks(16)
    steps = candidates(progressions)
    assert spread_levels(steps, len(steps), progressions[0].steps[0]) == steps


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_more_levels_than_splits(count):
    progressions = walks(16)
    steps = candidates(progressions)
    with pytest.raises(SplitError, match=f"{count} levels were asked for.*ask for 1 to {len(steps)} levels"):
        spread_levels(steps, count, progressions[0].steps[0])


def test_named_levels():
    progressions = walks(30)
    levels = named_levels(progressions, ["R2", "0", "-1", "3"])
    assert {level.id for level in levels} == {"R2", "0", "-1", "3"}
    assert [level.fid for level in levels] == sorted(level.fid for level in levels)


@pytest.mark.parametrize(
    ("ids", "message"), [(["R999"], "no step named R999; there are 0 to"), ([], "none given"), (["0", "0"], "once")]
)
def test_names_that_cannot_be_levels(ids, message):
    with pytest.raises(SplitError, match=message):
        named_levels(walks(12), ids)


def test_one_split_under_two_names():
    progressions = walks(16)
    with pytest.raises(SplitError, match="two of these are the same"):
        named_levels(progressions, [progressions[1].hardest.id, "R0"])


def test_steps_behind_the_extreme_are_no_candidates():
    progressions = walks(20, "paper")
    harder = progressions[1]
    behind = harder.steps[harder.steps.index(harder.hardest) + 1 :]
    kept = {step.split for step in candidates(progressions)}
    before = {step.split for step in harder.until_extreme()}
    assert behind
    assert all(step.split not in kept or step.split in before for step in behind)
