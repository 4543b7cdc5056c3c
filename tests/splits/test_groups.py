"""Whole groups of classes that move together."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from oodml_bench import build
from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.groups import grouped_start, groups_of, is_balanced
from oodml_bench.splits.search import SearchSettings, search_groups
from oodml_bench.splits.split import Split

from .benchmarks import write_arrays
from .class_spaces import fid, halves


def grouped_space(sizes, seed=0):
    rng = np.random.default_rng(seed)
    groups = {f"c{number:03}": f"g{group:02}" for number, group in enumerate(np.repeat(range(len(sizes)), sizes))}
    centres = rng.normal(size=(len(sizes), 5)) * 2
    means = np.repeat(centres, sizes, axis=0) + rng.normal(size=(sum(sizes), 5))
    return ClassSpace(list(groups), means), groups


def is_whole(split, groups):
    return not {groups[name] for name in split.train} & {groups[name] for name in split.test}


@pytest.mark.parametrize("method", ["best", "greedy"])
def test_groups_stay_whole_and_sides_balanced(method):
    space, groups = grouped_space([4, 3, 5, 4, 2, 6, 3, 5, 4, 4])
    start = grouped_start(halves(space), groups)
    walks = search_groups(space, start, groups, SearchSettings(method), min_classes=8)
    for walked, sign in zip(walks, (-1, 1, 1), strict=True):
        assert len(walked.steps) > 1
        for before, after in pairwise(walked.steps):
            assert sign * (after.fid - before.fid) > 0
        for step in walked.steps:
            assert is_whole(step.split, groups)
            assert is_balanced(len(step.split.train), len(step.split.test))
            assert step.fid == pytest.approx(fid(space, step.split), rel=1e-10)
            assert min(len(step.split.train), len(step.split.test)) >= 8
    for step in (*walks[0].steps, *walks[1].steps):
        assert step.split.classes == start.classes
    for before, after in pairwise(walks[2].steps):
        assert set(after.split.train) <= set(before.split.train)
        assert set(after.split.test) <= set(before.split.test)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_best_of_all_divisions(seed):
    space, groups = grouped_space([3, 2, 3, 4, 2, 3, 3, 2], seed)
    start = grouped_start(halves(space), groups)
    names = sorted(set(groups.values()))
    fids = []
    for count in range(1, len(names)):
        for chosen in combinations(names, count):
            train = tuple(name for name in groups if groups[name] in chosen)
            split = Split(train, tuple(set(groups) - {*train}))
            if is_balanced(len(split.train), len(split.test)):
                fids.append(fid(space, split))
    easier, harder, _ = search_groups(space, start, groups, SearchSettings("best"), min_classes=2)
    assert harder.steps[-1].fid == pytest.approx(max(fids), rel=1e-9)
    assert easier.steps[-1].fid == pytest.approx(min(fids), rel=1e-9)


def test_the_default_split_stays_where_it_can():
    space, groups = grouped_space([3, 3, 3, 3])
    assert grouped_start(halves(space), groups) == halves(space)


def test_groups_that_make_equal_sides_impossible():
    space, groups = grouped_space([20, 2, 2, 2])
    message = "sides of 20 and 6 classes at best.*'g00', holds 20|sides of 6 and 20 classes at best.*'g00', holds 20"
    with pytest.raises(SplitError, match=message):
        grouped_start(halves(space), groups)


def test_groups_from_a_file(tmp_path):
    names = [f"class {number:02}" for number in range(20)]
    features = write_arrays(tmp_path / "x.npz", names=names)
    file = tmp_path / "groups.csv"
    file.write_text("".join(f"{name},{number % 6}\n" for number, name in enumerate(names)), encoding="utf-8")
    benchmark = build(features, group_by=str(file), levels=3, null_draws=10, shots=(2,))
    groups = {name: str(number % 6) for number, name in enumerate(names)}
    for level in benchmark.levels.values():
        assert is_whole(level, groups)
        assert level.calibration.null.draws == 10
    assert any("tears groups apart" in note for note in benchmark.notes)
    assert benchmark.provenance.settings["group_by"] == str(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read groups"),
        ("a,x,1\n", "row 1 of .* holds 3 columns"),
        ("a,x\nb,y\n", "names no group for 2 of 4 classes, among them \\['c', 'd'\\]"),
        ("a,x\nb,x\nc,x\nd,y\n", "at least 4 groups, got \\['x', 'y'\\]"),
    ],
)
def test_bad_files(tmp_path, content, message):
    file = tmp_path / "groups.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SplitError, match=message):
        groups_of(["a", "b", "c", "d"], str(file), {})


def test_superclasses():
    above = {"a": "x", "b": "y", "c": "z", "d": "w"}
    assert groups_of(["a", "b", "c", "d"], "superclass", above) == above
    with pytest.raises(SplitError, match="the features name no superclass for 1 of 5 classes"):
        groups_of(["a", "b", "c", "d", "e"], "superclass", above)


@pytest.mark.parametrize("settings", [SearchSettings("paper"), SearchSettings("random")])
def test_other_methods_are_refused(settings):
    space, groups = grouped_space([3, 3, 3, 3])
    with pytest.raises(SplitError, match="by --method best or greedy"):
        search_groups(space, halves(space), groups, settings, min_classes=4)
