"""Who lies apart: every boundary of a benchmark, by brute force."""

from itertools import combinations

import numpy as np

from oodml_bench.splits import Benchmark, Level
from oodml_bench.splits.audit import Apart
from oodml_bench.splits.audit.boundaries import Boundaries
from tests.splits.audit.planted import BENCHMARK, CLASSES


def test_classes_are_apart_where_the_levels_say():
    boundaries = Boundaries(BENCHMARK, CLASSES)
    pairs = list(combinations(CLASSES, 2))
    for (first, second), places in zip(pairs, boundaries.places_of_classes(pairs), strict=True):
        expected = []
        for number, level in BENCHMARK.levels.items():
            parts = [("train/test", level.train, level.test), ("train/validation", level.split_train, level.split_val)]
            for boundary, one, other in parts:
                names = boundary.split("/")
                if first in one and second in other:
                    expected.append(Apart(number, boundary, (names[0], names[1])))
                if first in other and second in one:
                    expected.append(Apart(number, boundary, (names[1], names[0])))
        assert places == tuple(expected)
        codes = [np.array([CLASSES.index(name)]) for name in (first, second)]
        assert boundaries.ever_apart(*codes)[0] == bool(expected)


def test_a_class_that_is_not_known_is_apart_from_none():
    assert Boundaries(BENCHMARK, CLASSES[1:]).places_of_classes([("c0", "c4"), ("c1", "c4")])[0] == ()


def test_support_and_query_within_a_class_by_episode():
    boundaries = Boundaries(BENCHMARK, CLASSES)
    assert boundaries.places_within("c4", "0.png", "3.png") == (Apart(1, "support/query", ("support", "query"), 1),)
    assert boundaries.places_within("c4", "3.png", "1.png") == (Apart(1, "support/query", ("query", "support"), 1),)
    assert boundaries.places_within("c4", "0.png", "1.png") == (Apart(1, "support/query", ("support", "query"), 2),)
    assert boundaries.places_within("c4", "2.png", "3.png") == ()
    assert boundaries.places_within("c0", "0.png", "3.png") == ()


def test_whole_classes_as_support():
    episodes = {2: {0: ("c4", "c5"), 1: ("c4", "c6"), 2: ("c6", "c7")}}
    level = Level(train=CLASSES[:4], test=CLASSES[4:], fid=1.0, test_episodes=episodes)
    boundaries = Boundaries(Benchmark("sop", {3: level}), CLASSES)
    (of_45, of_46) = boundaries.places_of_classes([("c4", "c5"), ("c4", "c6")])
    assert of_45 == (Apart(3, "support/query", ("support", "query"), 1),)
    assert of_46 == (Apart(3, "support/query", ("support", "query"), 2),)
    assert boundaries.places_within("c4", "0.png", "1.png") == ()
