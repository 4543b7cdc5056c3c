"""From features to a benchmark."""

import numpy as np
import pytest

from oodml_bench.errors import FeatureError, SplitError
from oodml_bench.features import Features, open_features
from oodml_bench.hardness import frechet_distance
from oodml_bench.splits import build

from .benchmarks import small_benchmark, write_arrays


@pytest.mark.parametrize("method", ["greedy", "best", "paper"])
def test_a_benchmark_is_a_ladder_of_sound_levels(tmp_path, method):
    features = write_arrays(tmp_path / "x.npz")
    benchmark = build(features, method=method, levels=4, shots=(2, 5), episodes=3)
    with np.load(features) as arrays:
        classes, matrix = arrays["classes"], arrays["features"].astype(np.float64)
    names = sorted(set(classes.tolist()))
    means = {name: matrix[classes == name].mean(axis=0) for name in names}
    assert list(benchmark.levels) == [1, 2, 3, 4]
    assert [level.fid for level in benchmark.levels.values()] == sorted(
        level.fid for level in benchmark.levels.values()
    )
    assert any(level.train == tuple(names[:10]) and level.step == "0" for level in benchmark.levels.values())
    for level in benchmark.levels.values():
        assert not set(level.train) & set(level.test)
        assert sorted([*level.train, *level.test, *level.removed]) == names
        expected = frechet_distance(*(np.stack([means[name] for name in side]) for side in (level.train, level.test)))
        assert level.fid == pytest.approx(expected.fid, rel=1e-9)
        assert level.mean_term + level.covariance_term == pytest.approx(level.fid)
        assert sorted([*level.split_train, *level.split_val]) == sorted(level.train)
        assert level.swaps == len(set(level.test) & set(names[:10]))
        assert list(level.test_episodes) == [2, 5]
        for shots, episodes in level.test_episodes.items():
            assert list(episodes) == [0, 1, 2]
            for support in episodes.values():
                assert tuple(support) == level.test
                assert {len(chosen) for chosen in support.values()} == {shots}
                assert all(name.endswith(".jpg") and "/" not in name for chosen in support.values() for name in chosen)


def test_the_same_input_and_seed_give_the_same_benchmark(tmp_path):
    features = write_arrays(tmp_path / "x.npz")
    first, second = (build(features, levels=4, shots=(2, 5), episodes=3, null_draws=20) for _ in range(2))
    assert first == second


def test_levels_are_set_against_random_splits(tmp_path):
    benchmark = small_benchmark(tmp_path, null_draws=50)
    shared = [level.calibration.null for level in benchmark.levels.values() if not level.removed]
    assert len(shared) > 1
    assert all(null == shared[0] for null in shared)
    for level in benchmark.levels.values():
        assert level.calibration.null.draws == 50
        assert level.calibration.null.mean + level.calibration.excess == pytest.approx(level.fid)
    assert benchmark.levels[1].calibration.percentile < 0.1
    assert benchmark.levels[4].calibration.percentile > 0.9


def test_levels_within_the_band_are_named(tmp_path):
    benchmark = small_benchmark(tmp_path, levels=None, at=("0",), null_draws=50)
    assert benchmark.levels[1].calibration.inside_band
    assert any("level 1: its FID of" in note and "random splits" in note for note in benchmark.notes)


def test_calibration_can_be_left_out(tmp_path):
    benchmark = small_benchmark(tmp_path, null_draws=0)
    assert all(level.calibration is None for level in benchmark.levels.values())


def test_the_samples_of_every_class_are_named(tmp_path):
    benchmark = small_benchmark(tmp_path)
    classes = {name for level in benchmark.levels.values() for name in (*level.train, *level.test)}
    assert classes <= set(benchmark.samples)
    assert set(benchmark.samples.values()) == {tuple(f"{index:02}.jpg" for index in range(8))}
    for episodes in benchmark.levels[1].test_episodes.values():
        for name, support in episodes[0].items():
            assert set(support) < set(benchmark.samples[name])


def test_the_seed_decides_episodes_but_not_classes(tmp_path):
    first, second = small_benchmark(tmp_path), small_benchmark(tmp_path, seed=1)
    for number, level in first.levels.items():
        assert level.train == second.levels[number].train
        assert level.split_val != second.levels[number].split_val
        assert level.test_episodes != second.levels[number].test_episodes


def test_an_episode_does_not_depend_on_the_others_asked_for(tmp_path):
    few, many = (
        small_benchmark(tmp_path, shots=(5,), episodes=2),
        small_benchmark(tmp_path, shots=(1, 2, 5), episodes=6),
    )
    for number, level in few.levels.items():
        for episode in (0, 1):
            assert level.test_episodes[5][episode] == many.levels[number].test_episodes[5][episode]


def test_the_order_of_rows_does_not_matter(tmp_path):
    path = write_arrays(tmp_path / "x.npz")
    with np.load(path) as arrays:
        order = np.random.default_rng(0).permutation(len(arrays["classes"]))
        shuffled = {name: arrays[name][order] for name in arrays.files}
    (tmp_path / "shuffled").mkdir()
    np.savez(tmp_path / "shuffled" / "x.npz", **shuffled)
    first, second = (build(of, levels=4, shots=(2,)) for of in (path, tmp_path / "shuffled" / "x.npz"))
    for number, level in first.levels.items():
        assert level.train == second.levels[number].train
        assert level.test_episodes == second.levels[number].test_episodes
        assert level.fid == pytest.approx(second.levels[number].fid, rel=1e-9)


def test_walks_lead_from_the_start_to_every_level(tmp_path):
    benchmark = small_benchmark(tmp_path)
    walks = {walk.kind: walk.steps for walk in benchmark.walks}
    start = next(level for level in benchmark.levels.values() if level.step == "0")
    reached = {"0": (set(start.train), set(start.test))}

    def follow(steps, train, test):
        for step in steps:
            train = train - set(step.to_test) - set(step.removed) | set(step.to_train)
            test = test - set(step.to_train) - set(step.removed) | set(step.to_test)
            reached[step.id] = (train, test)

    follow(walks["easier"], *reached["0"])
    follow(walks["harder"], *reached["0"])
    follow(walks["removal"], *reached[walks["harder"][-1].id])
    for level in benchmark.levels.values():
        assert reached[level.step] == (set(level.train), set(level.test))


def test_default_halves_are_the_start(tmp_path):
    features = open_features(write_arrays(tmp_path / "x.npz", count=8))
    names = [f"class {number:02}" for number in range(8)]
    halves = (tuple(names[::2]), tuple(names[1::2]))
    own = Features(features.name, features.specification, "print", halves, features.row_count, features.batches)
    level = build(own, at=["0"], min_classes=2, shots=(2,)).levels[1]
    assert (level.train, level.test) == halves


def test_classes_in_neither_half_are_named(tmp_path):
    features = open_features(write_arrays(tmp_path / "x.npz", count=8))
    names = [f"class {number:02}" for number in range(8)]
    halves = (tuple(names[:3]), tuple(names[3:7]))
    own = Features(features.name, features.specification, "print", halves, features.row_count, features.batches)
    benchmark = build(own, at=["0"])
    assert "1 classes take no part (in neither default half): class 07" in benchmark.notes
    assert benchmark.excluded == {"class 07": "in neither default half"}


def test_class_names_missing_from_the_features(tmp_path):
    features = open_features(write_arrays(tmp_path / "x.npz", count=8))
    halves = (("class 00", "class 01"), ("class 02", "ghost"))
    own = Features(features.name, features.specification, "print", halves, features.row_count, features.batches)
    with pytest.raises(SplitError, match="no features for class 'ghost'"):
        build(own, levels=1)


def test_targets_say_how_near_they_came(tmp_path):
    benchmark = small_benchmark(tmp_path, levels=None, targets=(1e9, 0.001))
    assert len(benchmark.levels) == 2
    assert [note.split(":")[0] for note in benchmark.notes[:2]] == ["target FID 0.001", "target FID 1e+09"]


def test_odd_class_names_survive(tmp_path):
    names = ["it's", 'say "hi"', "a/b", "c d", "Ünïcödé 鳥", "cat", "Cat", "tab\there"]
    benchmark = build(write_arrays(tmp_path / "x.npz", names=names), levels=3, min_classes=2, shots=(2,))
    assert {*benchmark.levels[1].train, *benchmark.levels[1].test} == set(names)
    support = benchmark.levels[1].test_episodes[2][0]
    assert all(name.endswith(".jpg") and "/" not in name for chosen in support.values() for name in chosen)


def test_a_class_with_one_image_is_left_out_of_episodes_and_named(tmp_path):
    path = write_arrays(tmp_path / "x.npz", count=8)
    with np.load(path) as arrays:
        keep = (arrays["classes"] != "class 07") | (np.arange(len(arrays["classes"])) == 56)
        np.savez(path, **{name: arrays[name][keep] for name in arrays.files})
    benchmark = build(path, at=["0"], shots=(2,))
    level = benchmark.levels[1]
    assert "class 07" in level.test
    assert level.left_out == {2: {"class 07": 1}}
    assert "class 07" not in level.test_episodes[2][0]
    assert any("leave out up to 1 test classes" in note for note in benchmark.notes)


def test_too_many_shots_leave_no_episodes_and_say_so(tmp_path):
    benchmark = build(write_arrays(tmp_path / "x.npz", count=8), at=["0"], shots=(2, 7))
    assert list(benchmark.levels[1].test_episodes) == [2]
    assert any("no 7-shot episodes at level 1" in note and "fewer --shots" in note for note in benchmark.notes)


def test_one_row_a_class_is_enough_for_everything_but_episodes(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", features=rng.normal(size=(12, 5)), classes=np.arange(12))
    benchmark = build(tmp_path / "x.npz", levels=3)
    assert all(level.test_episodes == {} for level in benchmark.levels.values())
    assert benchmark.samples == {}
    assert "the features name no samples: no episodes" in benchmark.notes


@pytest.mark.parametrize("count", [4, 5, 8])
def test_few_classes_give_as_many_levels_as_there_are_splits(tmp_path, count):
    benchmark = build(write_arrays(tmp_path / "x.npz", count=count), null_draws=5)
    assert 1 <= len(benchmark.levels) <= 9


def test_too_few_classes(tmp_path):
    with pytest.raises(SplitError, match="at least 4 classes, got 3"):
        build(write_arrays(tmp_path / "x.npz", count=3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_must_be_finite(tmp_path, bad):
    path = write_arrays(tmp_path / "x.npz", count=6)
    with np.load(path) as arrays:
        content = dict(arrays)
    content["features"][17, 2] = bad
    np.savez(path, **content)
    with pytest.raises(FeatureError, match="class 02"):
        build(path)


def test_samples_of_one_name_in_a_class(tmp_path):
    classes = np.repeat(["a", "b", "c", "d"], 3)
    samples = np.array([f"{'one' if index % 3 else 'two'}/{index // 3}.jpg" for index in range(12)])
    samples[1::3] = np.char.replace(samples[1::3], "one", "three")
    np.savez(
        tmp_path / "x.npz", features=np.random.default_rng(0).normal(size=(12, 3)), classes=classes, samples=samples
    )
    with pytest.raises(FeatureError, match="class 'a' holds several samples of one file name"):
        build(tmp_path / "x.npz", levels=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 2, "targets": (1.0,)}, "one of --levels, --targets and --at"),
        ({"levels": 500}, "500 levels were asked for"),
        ({"min_classes": 1}, "must be from 2 to 10"),
        ({"val_fraction": 1.0}, "at least 0 and below 1"),
        ({"shots": (0,)}, "different numbers of at least 1"),
        ({"shots": (2, 2)}, "different numbers of at least 1"),
        ({"episodes": -1}, "number of episodes at least 0"),
        ({"seed": -1}, "the seed must be at least 0"),
        ({"null_draws": 1}, "at least 2 random splits, got 1"),
        ({"null_draws": -1}, "at least 2 random splits, got -1"),
        ({"method": "magic"}, "no search method 'magic'"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(SplitError, match=message):
        build(write_arrays(tmp_path / "x.npz"), **options)


def uneven(path, counts):
    rng = np.random.default_rng(0)
    classes = np.repeat([f"class {number:02}" for number in range(len(counts))], counts)
    np.savez(path, features=rng.normal(size=(len(classes), 4)), classes=classes)
    return path


def test_classes_with_too_few_samples_take_no_part(tmp_path):
    features = uneven(tmp_path / "x.npz", [5] * 10 + [2, 1])
    benchmark = build(features, levels=2, min_samples=3, min_classes=3, null_draws=0)
    for level in benchmark.levels.values():
        assert not {"class 10", "class 11"} & {*level.train, *level.test, *level.removed}
    assert "2 classes take no part (fewer than 3 samples): class 10, class 11" in benchmark.notes
    assert benchmark.excluded == dict.fromkeys(["class 10", "class 11"], "fewer than 3 samples")
    assert benchmark.provenance.settings["min_samples"] == 3


@pytest.mark.parametrize(
    ("least", "message"),
    [(0, "must be at least 1, got 0"), (4, "6 train and 1 test classes remain.*fewer --min-samples")],
)
def test_too_many_samples_asked_for(tmp_path, least, message):
    features = uneven(tmp_path / "x.npz", [5] * 7 + [2] * 5)
    with pytest.raises(SplitError, match=message):
        build(features, min_samples=least)
