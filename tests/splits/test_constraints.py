"""Classes that stay on a side, and sides of about as many samples."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.splits import build
from oodml_bench.splits.constraints import Constraints, constrained_start, constraints_of
from oodml_bench.splits.removal import greedy_removal
from oodml_bench.splits.search import SearchSettings, search, walk
from oodml_bench.splits.split import Split
from oodml_bench.splits.targets import target_levels

from .class_spaces import class_space, fid, halves
from .test_many_classes import many_classes

DIRECTIONS = ("harder", "easier")
SIGNS = {"harder": 1, "easier": -1}


def sample_counts(space, seed=0):
    return np.random.default_rng(seed).integers(1, 40, len(space.classes))


def imbalance(space, counts, split):
    train, test = (int(counts[space.indices(side)].sum()) for side in (split.train, split.test))
    return abs(train - test) / (train + test)


def constrained(space, counts, **asked):
    start = halves(space)
    kept = {name: asked.get(name, ()) for name in ("keep_train", "keep_test")}
    constraints = constraints_of(space, start, counts, **asked)
    return constraints, constrained_start(start, space, constraints, **kept)


def best_allowed(space, start, sign, is_allowed):
    splits = (
        Split(train, tuple(start.classes - set(train)))
        for train in combinations(sorted(start.classes), len(start.train))
    )
    return sign * max(sign * fid(space, split) for split in splits if is_allowed(split))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_best_of_all_splits_that_keep_some_classes_on_a_side(direction, seed):
    space = class_space(12, 5, seed=seed)
    keep = {"keep_train": (space.classes[0], space.classes[9]), "keep_test": (space.classes[3],)}
    constraints, start = constrained(space, sample_counts(space), **keep)
    end = walk(space, start, direction, SearchSettings("best"), constraints=constraints).steps[-1]
    best = best_allowed(
        space,
        start,
        SIGNS[direction],
        lambda split: set(keep["keep_train"]) <= set(split.train) and set(keep["keep_test"]) <= set(split.test),
    )
    assert end.fid == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("method", ["best", "greedy"])
@pytest.mark.parametrize(
    "make", [lambda: class_space(40, 8), lambda: many_classes(20)[0], lambda: many_classes(400)[0]]
)
def test_no_step_breaks_a_constraint(direction, method, make):
    space = make()
    counts = sample_counts(space)
    keep = {"keep_train": space.classes[::9], "keep_test": space.classes[4::9]}
    constraints, start = constrained(space, counts, balance=0.02, **keep)
    steps = list(walk(space, start, direction, SearchSettings(method), constraints=constraints).steps)
    assert len(steps) > 2
    least = int(0.6 * len(start.train))
    steps += greedy_removal(space, steps[-1].split, min_classes=least, constraints=constraints).steps[1:]
    for step in steps:
        assert set(keep["keep_train"]) <= set(step.split.train)
        assert set(keep["keep_test"]) <= set(step.split.test)
        assert imbalance(space, counts, step.split) <= 0.02
    assert len(steps[-1].split.classes) < len(start.classes)


def test_the_balanced_end_is_near_the_best_of_all_balanced_splits():
    space = class_space(12, 5)
    counts = sample_counts(space)
    constraints, start = constrained(space, counts, balance=0.1)
    end = walk(space, start, "harder", SearchSettings("best"), constraints=constraints).steps[-1]
    best = best_allowed(space, start, 1, lambda split: imbalance(space, counts, split) <= 0.1)
    assert end.fid >= 0.97 * best


def test_not_nested_keeps_classes_where_they_are():
    space = class_space(14, 5)
    constraints, start = constrained(space, sample_counts(space), keep_train=space.classes[:3])
    steps = walk(space, start, "harder", SearchSettings("best", nested=False), constraints=constraints).steps
    assert len(steps) > 2
    assert all(set(space.classes[:3]) <= set(step.split.train) for step in steps)


def test_refinement_towards_a_target_keeps_to_the_constraints():
    space = class_space(40, 8)
    counts = sample_counts(space)
    constraints, start = constrained(space, counts, keep_train=space.classes[:5], balance=0.02)
    steps = walk(space, start, "harder", SearchSettings("best"), constraints=constraints).steps
    target = 0.3 * steps[0].fid + 0.7 * steps[1].fid
    (level,) = target_levels(space, steps, [target], 1e-4, constraints=constraints)
    assert set(space.classes[:5]) <= set(level.split.train)
    assert imbalance(space, counts, level.split) <= 0.02
    assert abs(level.fid - target) < abs(steps[0].fid - target)


def test_kept_classes_are_brought_to_their_sides_at_the_start():
    space = class_space(12)
    keep = {"keep_train": space.classes[8:11], "keep_test": (space.classes[0],)}
    _, start = constrained(space, sample_counts(space), **keep)
    assert set(keep["keep_train"]) <= set(start.train)
    assert set(keep["keep_test"]) <= set(start.test)
    assert len(start.train) == len(start.test) == 6
    assert start.swaps_from(halves(space)) == 3


@given(st.lists(st.integers(1, 100), min_size=4, max_size=40), st.data())
@settings(max_examples=200, deadline=None)
def test_balancing_swaps_classes_until_the_sides_differ_little(counts, data):
    rows = np.array(data.draw(st.permutations(range(len(counts)))))
    cut = len(counts) // 2
    # Halves can always be brought nearer than twice their largest class.
    constraints = Constraints(None, np.array(counts), min(0.99, 2 * max(counts) / sum(counts)))
    train, test = constraints.balanced(rows[:cut], rows[cut:])
    assert constraints.is_balanced(train, test)
    assert len(train) == cut
    assert sorted([*train, *test]) == list(range(len(counts)))


@given(st.integers(0, 10_000), st.sampled_from([1, 2]))
@settings(max_examples=200, deadline=None)
def test_every_prefix_of_a_batch_keeps_the_balance(seed, weight):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 40, 40)
    constraints = Constraints(None, counts, 0.05)
    train, test = np.arange(20), np.arange(20, 40)
    if not constraints.is_balanced(train, test):
        return
    wanted = rng.permutation(20)[:8], rng.permutation(20)[:8]
    choose = constraints.balanced_swaps if weight == 2 else constraints.balanced_removals
    gone, come = choose(train, test, wanted)
    assert set(gone) <= set(wanted[0])
    assert set(come) <= set(wanted[1])
    assert len(gone) == len(come) == len(set(gone)) == len(set(come))
    for count in range(len(gone) + 1):
        if weight == 2:
            after = train.copy(), test.copy()
            after[0][gone[:count]], after[1][come[:count]] = test[come[:count]], train[gone[:count]]
        else:
            after = np.delete(train, gone[:count]), np.delete(test, come[:count])
        assert constraints.is_balanced(*after)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"keep_train": ["class_000"], "keep_test": ["class_000"]}, "1 classes are kept on both sides.*class_000"),
        ({"keep_train": ["class_099"]}, "1 classes to keep on the train side take no part.*class_099"),
        ({"keep_test": [f"class_{n:03}" for n in range(6)]}, "6 classes are to stay on the test side, which holds 6"),
        ({"balance": 1.0}, "balance must be at least 0 and below 1.*got 1.0"),
        ({"balance": -0.1}, "balance must be at least 0 and below 1.*got -0.1"),
        ({"balance": 1e-6}, r"swaps bring the sides to \d+ and \d+ samples.*asks for at most 1e-06"),
    ],
)
def test_contradictions_are_named_with_their_numbers(asked, complaint):
    space = class_space(12)
    odd = np.array([3] + 11 * [2])
    with pytest.raises(SplitError, match=complaint):
        constrained(space, odd, **asked)


@pytest.mark.parametrize("method", ["paper", "random"])
def test_methods_with_a_rule_of_their_own_refuse_constraints(method):
    space = class_space(12)
    constraints, start = constrained(space, sample_counts(space), keep_train=space.classes[:1])
    with pytest.raises(SplitError, match=f"the swaps of {method} follow another rule"):
        search(space, start, SearchSettings(method), min_classes=4, constraints=constraints)


def test_a_balance_needs_a_nested_path():
    space = class_space(12)
    constraints, start = constrained(space, sample_counts(space), balance=0.2)
    with pytest.raises(SplitError, match="leave out --not-nested"):
        walk(space, start, "harder", SearchSettings("best", nested=False), constraints=constraints)


@pytest.fixture
def feature_file(tmp_path):
    space = class_space(16)
    counts = sample_counts(space)
    rng = np.random.default_rng(5)
    features = np.repeat(space.rows(np.arange(16)), counts, axis=0) + 0.01 * rng.normal(size=(counts.sum(), 8))
    path = tmp_path / "made.npz"
    np.savez(path, features=features, classes=np.repeat(np.array(space.classes), counts))
    return path


def test_a_benchmark_records_its_constraints_and_where_it_began(feature_file):
    keep = ["class_012", "class_013"]
    benchmark = build(feature_file, keep_train=keep, balance=0.1, null_draws=10, episodes=0)
    assert benchmark.provenance.settings["keep_train"] == tuple(keep)
    assert benchmark.provenance.settings["balance"] == 0.1
    assert all(set(keep) <= set(level.train) for level in benchmark.levels.values())
    assert any("kept classes on the other side" in note for note in benchmark.notes)


def test_whole_groups_and_kept_classes_do_not_go_together(feature_file, tmp_path):
    groups = tmp_path / "groups.csv"
    groups.write_text("".join(f"class_{n:03},{n // 2}\n" for n in range(16)))
    with pytest.raises(SplitError, match="--group-by does not go with --keep-train"):
        build(feature_file, group_by=str(groups), keep_train=["class_000"])
