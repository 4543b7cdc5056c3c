"""Breeding splits from pairs of local optima."""

import numpy as np
import pytest

from oodml_bench.splits.ascent import ascend
from oodml_bench.splits.breeding import _crossed, bred
from oodml_bench.splits.constraints import constraints_of
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

from .class_spaces import class_space


def seated(count, train, kept=(), seed=0):
    space = class_space(count, seed=seed)
    split = Split(space.classes[:train], space.classes[train:])
    counts = np.ones(count, dtype=np.int64)
    constraints = constraints_of(space, split, counts, keep_train=kept, keep_test=(), balance=None)
    return Seats.of(space, split, constraints)


def optima(begin, count, seed=0):
    rng = np.random.default_rng(seed)
    both = np.concatenate([begin.train, begin.test])
    return [ascend(begin.divided(rng.permutation(both)), "easier")[0] for _ in range(count)]


@pytest.mark.parametrize(("count", "train"), [(24, 12), (25, 10)])
def test_what_is_bred_is_a_split_of_the_same_classes_at_least_as_good_as_every_parent(count, train):
    begin = seated(count, train)
    parents = optima(begin, 4)
    best = bred(parents, "easier", 10, np.random.default_rng(0), lambda _: None)
    assert (len(best.train), len(best.test)) == (train, count - train)
    assert sorted([*best.train, *best.test]) == list(range(count))
    assert best.distance().fid <= min(parent.distance().fid for parent in parents) * (1 + 1e-12)


def test_a_child_keeps_together_what_both_parents_keep_together():
    begin = seated(30, 15)
    rng = np.random.default_rng(1)
    for _ in range(20):
        both = np.arange(30)
        mother, father = (begin.divided(rng.permutation(both)) for _ in range(2))
        child = _crossed(mother, father, rng)
        as_father = set(father.train)
        if len(set(mother.train) & as_father) < 8:
            as_father = set(father.test)
        on_train = set(mother.train) & as_father
        on_test = set(range(30)) - set(mother.train) - as_father
        assert on_train <= set(child.train)
        assert on_test <= set(child.test)
        assert len(child.train) == 15


def test_the_names_of_the_sides_do_not_matter():
    begin = seated(16, 8)
    exchanged = Seats(begin.space, begin.test, begin.train)
    child = _crossed(begin, exchanged, np.random.default_rng(0))
    assert set(child.train) == set(begin.train)


def test_a_lone_parent_is_improved_by_kicks():
    # The worst of some optima, so that there is something to find.
    parents = optima(seated(40, 20, seed=3), 12)
    worst = max(parents, key=lambda seats: seats.distance().fid)
    assert min(seats.distance().fid for seats in parents) < worst.distance().fid
    found = bred([worst], "easier", 30, np.random.default_rng(0), lambda _: None)
    assert found.distance().fid < worst.distance().fid


def test_the_generator_decides_everything():
    parents = optima(seated(30, 15), 5)
    first, second = (bred(parents, "easier", 8, np.random.default_rng(7), lambda _: None) for _ in range(2))
    assert set(first.train) == set(second.train)


def test_kept_classes_stay():
    kept = ("class_000", "class_003")
    begin = seated(20, 10, kept)
    best = bred(optima(begin, 4), "easier", 12, np.random.default_rng(0), lambda _: None)
    assert set(kept) <= set(best.space.names(best.train))


def test_every_child_is_counted():
    counted = []
    bred(optima(seated(12, 6), 2), "easier", 9, np.random.default_rng(0), counted.append)
    assert counted == [1] * 9
