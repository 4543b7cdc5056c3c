"""Levels at FIDs that were asked for."""

import numpy as np
import pytest

from oodml_bench.errors import SplitError
from oodml_bench.splits.levels import candidates
from oodml_bench.splits.search import SearchSettings, search
from oodml_bench.splits.targets import target_levels

from .class_spaces import class_space, fid, halves
from .test_many_classes import many_classes


def walked(space, start, min_classes=10):
    return candidates(search(space, start, SearchSettings("greedy"), min_classes=min_classes))


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4])
def test_targets_are_hit(tolerance):
    space = class_space(120, 12)
    start = halves(space)
    steps = walked(space, start, min_classes=55)
    # From one step of removal to the next the FID may leap further than a swap reaches.
    hardest = max(step.fid for step in steps if not step.id.startswith("R"))
    targets = np.linspace(steps[0].fid, hardest, 7)[1:-1]
    levels = target_levels(space, steps, targets.tolist(), tolerance)
    for target, level in zip(targets, levels, strict=True):
        assert level.fid == pytest.approx(target, rel=tolerance)
        assert level.fid == pytest.approx(fid(space, level.split), rel=1e-10)
        base = next(step for step in steps if step.id == level.id.split("~")[0])
        assert level.split.classes == base.split.classes
        assert len(level.split.train) == len(base.split.train)
        assert level.split.swaps_from(base.split) <= 20


def test_targets_are_hit_among_many_classes():
    space, start = many_classes(12)
    steps = walked(space, start, min_classes=250)
    target = (steps[0].fid + steps[-1].fid) / 2
    (level,) = target_levels(space, steps, [target], 1e-5)
    assert level.fid == pytest.approx(target, rel=1e-5)


def test_targets_out_of_reach_give_the_extremes():
    space = class_space(20)
    steps = walked(space, halves(space), 6)
    levels = target_levels(space, steps, [steps[-1].fid * 10, steps[0].fid / 10], 1e-3)
    assert [level.split for level in levels] == [steps[0].split, steps[-1].split]


def test_targets_that_lead_to_one_split():
    space = class_space(12)
    with pytest.raises(SplitError, match="1e\\+06 and 2e\\+06 lead to one split"):
        target_levels(space, walked(space, halves(space), 4), [1e6, 2e6], 1e-3)


@pytest.mark.parametrize("targets", [[], [-1.0], [float("nan")], [float("inf")]])
def test_targets_must_be_positive_numbers(targets):
    space = class_space(12)
    with pytest.raises(SplitError, match="one or more positive FIDs"):
        target_levels(space, walked(space, halves(space), 4), targets, 1e-3)


@pytest.mark.parametrize("tolerance", [0, -0.1, 1, float("nan")])
def test_the_tolerance_is_a_share(tolerance):
    space = class_space(12)
    with pytest.raises(SplitError, match="tolerance must be above 0 and below 1"):
        target_levels(space, walked(space, halves(space), 4), [1.0], tolerance)
