"""One ladder under several features."""

import json
import re
import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from oodml_bench import agreement, class_means, frechet_distance, open_features
from oodml_bench.errors import BenchmarkFileError, FeatureError, InputError
from oodml_bench.splits import Agreement, Benchmark, Level, load_benchmark
from oodml_bench.splits.agreement_file import agreement_bytes

from .agreeing import read_arrays, write_changed
from .benchmarks import small_benchmark, write_arrays


def noisy(seed, scale=2.0):
    return lambda features: features + np.random.default_rng(seed).normal(size=features.shape) * scale


def normalised(scores):
    return [score.normalised for score in scores.levels.values()]


def fids(scores):
    return [score.fid for score in scores.levels.values()]


def test_own_features_give_the_stored_fids(tmp_path):
    benchmark = small_benchmark(tmp_path)
    measured = agreement(benchmark, {"again": tmp_path / "small.npz"})
    again = measured.others[0]
    assert again.built_from
    assert fids(again) == pytest.approx([level.fid for level in benchmark.levels.values()], rel=1e-9)
    stored = {step.id: step.fid for walk in benchmark.walks for step in walk.steps}
    assert {step: score.fid for step, score in again.steps.items()} == pytest.approx(stored, rel=1e-9)
    pair = measured.correlation("again", "benchmark")
    assert (pair.spearman, pair.kendall) == pytest.approx((1, 1))
    assert (again.changed, measured.disputed) == ((), ())
    assert "again: these are the features that the benchmark was built from" in measured.notes


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
def test_rotation_scale_and_shift_do_not_matter(tmp_path, seed, scale, shift):
    benchmark = small_benchmark(tmp_path)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))
    turned = write_changed(
        tmp_path / "turned.npz", tmp_path / "small.npz", lambda features: scale * (features @ rotation + shift)
    )
    measured = agreement(benchmark, {"turned": turned})
    other = measured.others[0]
    assert not other.built_from
    assert normalised(other) == pytest.approx(normalised(measured.own), abs=1e-9)
    assert fids(other) == pytest.approx(np.array(fids(measured.own)) * scale**2, rel=1e-8)
    assert measured.correlations[0].kendall == pytest.approx(1)
    assert all(step.difference < 1e-9 for step in measured.disputed)


def test_a_ladder_that_is_upside_down(tmp_path):
    # Three coordinates, along each of which the means of the sides part at one level alone.
    gaps = (1.0, 2.0, 3.0)
    names = [f"{number:02}" for number in range(8)]
    splits = [("0123", "4567"), ("0145", "2367"), ("0246", "1357")]
    sides = np.array([[str(number) in train for train, _ in splits] for number in range(8)], dtype=float)
    levels = {
        number: Level(tuple(f"0{digit}" for digit in train), tuple(f"0{digit}" for digit in test), fid=gap**2)
        for number, (gap, (train, test)) in enumerate(zip(gaps, splits, strict=True), start=1)
    }
    np.savez(tmp_path / "same.npz", features=sides * gaps, classes=names)
    np.savez(tmp_path / "backwards.npz", features=sides * gaps[::-1], classes=names)
    measured = agreement(Benchmark("x", levels), {name: tmp_path / f"{name}.npz" for name in ("same", "backwards")})
    same, backwards = measured.others
    # The sides of each level have the same covariance: the FID is the squared gap of their means.
    assert fids(same) == pytest.approx([1, 4, 9])
    assert fids(backwards) == pytest.approx([9, 4, 1])
    pairs = {("benchmark", "same"): 1, ("benchmark", "backwards"): -1, ("backwards", "same"): -1}
    for labels, expected in pairs.items():
        pair = measured.correlation(*labels)
        assert (pair.spearman, pair.kendall) == pytest.approx((expected, expected))
    assert (same.changed, backwards.changed) == ((), ((1, 2), (2, 3)))
    assert any("holds no walks" in note for note in measured.notes)


def test_every_fid_is_that_of_the_classes(tmp_path):
    benchmark = small_benchmark(tmp_path)
    other = write_arrays(tmp_path / "other.npz", dimension=9, seed=5)
    measured = agreement(benchmark, {"other": other})
    means = class_means(open_features(other))
    row = dict(zip(means.classes, means.means, strict=True))
    for number, level in benchmark.levels.items():
        train, test = (np.array([row[name] for name in side]) for side in (level.train, level.test))
        score = measured.others[0].levels[number]
        assert score.fid == pytest.approx(frechet_distance(train, test).fid)
        assert measured.others[0].steps[level.step] == score
    assert (min(normalised(measured.others[0])), max(normalised(measured.others[0]))) == (0, 1)


def test_disputed_steps_are_those_of_greatest_difference(tmp_path):
    benchmark = small_benchmark(tmp_path)
    others = {
        f"noisy {seed}": write_changed(tmp_path / f"{seed}.npz", tmp_path / "small.npz", noisy(seed)) for seed in (1, 2)
    }
    measured = agreement(benchmark, {**others, "own": tmp_path / "small.npz"})
    compared = (measured.own, *measured.others[:2])
    differences = {}
    for walk in benchmark.walks:
        for before, step in pairwise(walk.steps):
            changes = {
                scores.label: scores.steps[step.id].normalised - scores.steps[before.id].normalised
                for scores in compared
            }
            differences[walk.kind, step.id] = (max(changes.values()) - min(changes.values()), step, changes)
    greatest = sorted((difference for difference, _, _ in differences.values()), reverse=True)[:10]
    assert len(differences) > len(measured.disputed) == 10
    assert [step.difference for step in measured.disputed] == pytest.approx(greatest)
    for found in measured.disputed:
        _, step, changes = differences[found.walk, found.id]
        assert (found.to_test, found.to_train, found.removed) == (step.to_test, step.to_train, step.removed)
        assert found.changes == pytest.approx(changes)
        assert found.changes[found.highest] == max(found.changes.values())
        assert found.changes[found.lowest] == min(found.changes.values())


def test_more_classes_than_the_benchmark_change_nothing(tmp_path):
    benchmark = small_benchmark(tmp_path)
    features, classes = read_arrays(tmp_path / "small.npz")
    more = np.concatenate([features, np.full((4, 6), 1e3)])
    np.savez(tmp_path / "more.npz", features=more, classes=[*classes, *"abcd"])
    measured = agreement(benchmark, {"more": tmp_path / "more.npz"})
    assert fids(measured.others[0]) == pytest.approx(fids(measured.own), rel=1e-9)


def test_missing_classes_are_named_with_the_features(tmp_path):
    benchmark = small_benchmark(tmp_path)
    names = [f"class {number:02}" for number in range(2, 20)]
    fewer = write_arrays(tmp_path / "fewer.npz", names=names)
    message = "features fewer lack 2 of the 20 classes of benchmark small: 'class 00', 'class 01'. Extract"
    with pytest.raises(FeatureError, match=message):
        agreement(benchmark, {"fewer": fewer})


def test_features_of_the_benchmark_that_give_another_fid(tmp_path):
    benchmark = small_benchmark(tmp_path)
    levels = {number: replace(level, fid=level.fid * (1 + 1e-6)) for number, level in benchmark.levels.items()}
    with pytest.raises(BenchmarkFileError, match=r"features own are those .* give level 1 an FID of"):
        agreement(replace(benchmark, levels=levels), {"own": tmp_path / "small.npz"})


@pytest.mark.parametrize("labels", [[], ["benchmark"]])
def test_labels_that_cannot_be(tmp_path, labels):
    benchmark = small_benchmark(tmp_path)
    with pytest.raises(InputError, match=re.escape(f"got {labels}")):
        agreement(benchmark, dict.fromkeys(labels, tmp_path / "small.npz"))


def test_what_has_no_order_gives_no_correlation_and_no_warning(tmp_path):
    benchmark = small_benchmark(tmp_path)
    # The means of different numbers of samples that are all 0.1 differ by their rounding.
    names = np.repeat([f"class {number:02}" for number in range(20)], np.arange(1, 21))
    flat = tmp_path / "flat.npz"
    np.savez(flat, features=np.full((len(names), 6), 0.1), classes=names)
    one = replace(benchmark, levels={1: benchmark.levels[2]})
    for ladder, note in ((benchmark, "flat: every level has the same FID"), (one, "one level has no order")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            measured = agreement(ladder, {"flat": flat})
        pair = measured.correlations[0]
        assert (pair.spearman, pair.kendall) == (None, None)
        assert set(normalised(measured.others[0])) == {None}
        assert measured.disputed == ()
        assert sum(note in line for line in measured.notes) == 1
        json.loads(agreement_bytes(measured))


def test_levels_of_one_fid(tmp_path):
    benchmark = small_benchmark(tmp_path)
    first, second = benchmark.levels[1], benchmark.levels[2]
    by_rounding = replace(first, fid=first.fid * (1 + 1e-14))
    alike = replace(benchmark, levels={1: first, 2: by_rounding, 3: second}, walks=())
    measured = agreement(alike, {"other": write_arrays(tmp_path / "other.npz", seed=3)})
    other = measured.others[0]
    falls = other.levels[3].fid < other.levels[2].fid
    assert other.changed == (((2, 3),) if falls else ())
    assert measured.correlations[0].kendall == pytest.approx(-1 if falls else 1)


def test_a_pickle_alone_is_scored_by_its_levels(tmp_path):
    pickle_path, json_path = small_benchmark(tmp_path).save(tmp_path / "x_splits.pkl")
    json_path.unlink()
    measured = agreement(pickle_path, {"small": tmp_path / "small.npz"})
    assert not measured.others[0].built_from
    assert measured.others[0].steps == {}
    assert fids(measured.others[0]) == pytest.approx(fids(measured.own))
    assert any("the file holds no walks" in note for note in measured.notes)


def test_steps_that_no_level_leads_to_are_told(tmp_path):
    benchmark = small_benchmark(tmp_path, levels=None, at=("R1", "R2"))
    measured = agreement(benchmark, {"small": tmp_path / "small.npz"})
    walked = {step.id for walk in benchmark.walks for step in walk.steps}
    assert set(measured.own.steps) == {step for step in walked if step.startswith("R")} - {"R0"}
    lost = len(walked) - len(measured.own.steps)
    assert any(f"{lost} of {len(walked)} walked steps were not compared" in note for note in measured.notes)


def test_json_round_trip(tmp_path):
    benchmark = small_benchmark(tmp_path)
    benchmark.save(tmp_path / "x.json")
    other = write_changed(tmp_path / "other.npz", tmp_path / "small.npz", noisy(0))
    measured = agreement(load_benchmark(tmp_path / "x.json"), {"other": other})

    def refuse(constant):
        raise AssertionError(constant)

    document = json.loads(agreement_bytes(measured), parse_constant=refuse)
    del document["tool_version"]
    assert TypeAdapter(Agreement).validate_python(document) == measured
