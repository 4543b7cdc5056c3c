"""The best split at each number of swaps."""

from itertools import combinations, product

import pytest

from oodml_bench.errors import SplitError
from oodml_bench.splits.comparison import comparison_note
from oodml_bench.splits.search import SearchSettings, published_comparison, walk
from oodml_bench.splits.split import Split

from .class_spaces import class_space, fid, halves
from .test_many_classes import many_classes

SIGNS = {"harder": 1, "easier": -1}


def best_of_all(space, start, swaps, sign):
    fids = [
        fid(space, Split(tuple(set(start.train) - {*gone}) + come, tuple(set(start.test) - {*come}) + gone))
        for gone, come in product(combinations(start.train, swaps), combinations(start.test, swaps))
    ]
    return sign * max(sign * value for value in fids)


@pytest.mark.parametrize("direction", list(SIGNS))
@pytest.mark.parametrize("seed", [0, 1])
def test_finds_the_best_of_all_splits_at_each_number_of_swaps(seed, direction):
    space = class_space(12, 5, seed=seed)
    start = halves(space)
    sign = SIGNS[direction]
    steps = walk(space, start, direction, SearchSettings("best", nested=False)).steps
    assert len(steps) > 1
    for step in steps[1:]:
        swaps = step.split.swaps_from(start)
        assert int(step.id) == sign * swaps
        assert step.fid == pytest.approx(best_of_all(space, start, swaps, sign), rel=1e-9)


@pytest.mark.parametrize("direction", list(SIGNS))
def test_is_never_behind_the_nested_path_or_the_published_rule(direction):
    # Here the published rule gets further than the nested path at first.
    space, start = many_classes(320, 60, 50, seed=3)
    nested = walk(space, start, direction, SearchSettings("best"))
    best = walk(space, start, direction, SearchSettings("best", nested=False))
    sign = SIGNS[direction]
    for step in nested.steps:
        reached = max(sign * other.fid for other in best.steps if abs(int(other.id)) <= abs(int(step.id)))
        assert reached >= sign * step.fid - 1e-9 * step.fid
    note = published_comparison(space, start, best, SearchSettings("best", nested=False))
    assert note == f"{direction}: at every number of swaps at least as far as the published rule gets"


def test_the_note_says_how_far_behind():
    space, start = many_classes(320, 60, 50, seed=3)
    settings = SearchSettings("best")
    note = published_comparison(space, start, walk(space, start, "harder", settings), settings)
    assert "the published rule gets further at" in note
    assert "--not-nested" in note
    assert published_comparison(space, start, None, SearchSettings("paper")) is None


def test_a_path_is_level_with_itself():
    space = class_space(20)
    path = walk(space, halves(space), "harder", SearchSettings("greedy"))
    assert "at least as far" in comparison_note(path, path, space)


def test_many_classes_are_refused():
    space, start = many_classes(12)
    with pytest.raises(SplitError, match=r"300 train and 260 test classes\. Leave out --not-nested"):
        walk(space, start, "harder", SearchSettings("best", nested=False))
