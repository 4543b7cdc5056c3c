"""Few-shot episodes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.splits import load_benchmark
from oodml_bench.splits.episodes import draw_episode, episode_classes
from tests.splits.benchmarks import small_benchmark

sizes = st.dictionaries(st.text(min_size=1, max_size=4), st.integers(1, 15), min_size=1, max_size=12)


@given(sizes=sizes, shots=st.integers(1, 12), seed=st.integers(0, 50))
def test_support_is_distinct_and_leaves_two_queries(sizes, shots, seed):
    samples = {name: [f"{index}.jpg" for index in range(size)] for name, size in sizes.items()}
    classes, left_out = episode_classes(samples, shots)
    support = draw_episode(samples, classes, shots, np.random.default_rng(seed))
    assert set(classes) | set(left_out) == set(samples)
    assert not set(classes) & set(left_out)
    assert left_out == {name: size for name, size in sizes.items() if size < shots + 2}
    assert tuple(support) == classes
    for name, chosen in support.items():
        assert len(set(chosen)) == len(chosen) == shots
        assert set(chosen) <= set(samples[name])
        assert len(samples[name]) - shots >= 2


def test_every_sample_may_become_support_in_any_place():
    samples = {"a": [str(index) for index in range(5)]}
    drawn = [draw_episode(samples, ["a"], 2, np.random.default_rng(seed))["a"] for seed in range(200)]
    for place in (0, 1):
        assert {support[place] for support in drawn} == set(samples["a"])


def test_the_order_of_samples_does_not_matter():
    samples = {"a": ["3", "1", "2", "4"]}
    backwards = {"a": samples["a"][::-1]}
    first, second = (draw_episode(of, ["a"], 2, np.random.default_rng(0)) for of in (samples, backwards))
    assert first == second


def test_no_shots():
    with pytest.raises(SplitError, match="at least 1 shot, got 0"):
        episode_classes({"a": ["1"]}, 0)


@pytest.mark.parametrize("count", [1, 3])
def test_whole_classes_can_be_support(tmp_path, count):
    benchmark = small_benchmark(tmp_path, levels=3, support="classes", shots=(count,), episodes=4)
    for level in benchmark.levels.values():
        drawn = level.test_episodes[count]
        assert sorted(drawn) == [0, 1, 2, 3]
        assert all(len(set(episode)) == count and set(episode) < set(level.test) for episode in drawn.values())
        assert len({frozenset(episode) for episode in drawn.values()}) > 1
    assert any("whole test classes" in note for note in benchmark.notes)


def test_support_classes_leave_classes_to_be_queries(tmp_path):
    benchmark = small_benchmark(tmp_path, levels=1, support="classes", shots=(2, 1000), episodes=2)
    assert list(benchmark.levels[1].test_episodes) == [2]
    assert any("1000 support classes" in note for note in benchmark.notes)


def test_files_keep_support_classes(tmp_path):
    benchmark = small_benchmark(tmp_path, levels=2, support="classes", shots=(2,), episodes=2)
    benchmark.save(tmp_path / "a_splits.pkl")
    for name in ("a_splits.pkl", "a_splits.json"):
        loaded = load_benchmark(tmp_path / name)
        assert [level.test_episodes for level in loaded.levels.values()] == [
            level.test_episodes for level in benchmark.levels.values()
        ]
