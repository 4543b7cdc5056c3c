"""A benchmark that was just built passes every check; one that is broken in some way fails the check for it."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from PIL import Image

from oodml_bench.cli import main
from oodml_bench.datasets import open_dataset
from oodml_bench.errors import BenchmarkFileError
from oodml_bench.features import features_from_arrays
from oodml_bench.splits import build, load_benchmark
from oodml_bench.splits.verification import verify
from oodml_bench.splits.verification.distances import RECOMPUTED
from oodml_bench.splits.verification.few_shot import COMPLETE, EXISTING
from oodml_bench.splits.verification.files_agree import EQUAL, READABLE
from oodml_bench.splits.verification.fingerprints import FEATURES, IMAGES, SAMPLES
from oodml_bench.splits.verification.ladder import DIFFERENT, ORDERED, WALKED
from oodml_bench.splits.verification.sides import ACCOUNTED, DISJOINT, KNOWN, NO_DUPLICATES
from oodml_bench.splits.verification.validation import DIVIDED

from .benchmarks import write_arrays
from .test_files import benchmarks


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with features of 20 classes and a benchmark of them."""
    folder = tmp_path_factory.mktemp("made")
    features = write_arrays(folder / "x.npz")
    build(features, levels=4, shots=(2, 5), episodes=3, null_draws=20).save(folder / "x_splits.pkl")
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """A copy of it that may be broken."""
    return shutil.copytree(made, tmp_path / "copy")


def failed(path, **given) -> set[str]:
    return {check.name for check in verify(path, **given).failed}


def status(path, **given) -> dict[str, str]:
    return {check.name: check.status for check in verify(path, **given).checks}


# What was just built passes.


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "paper", "at": ["-1", "0", "1", "R2"], "swaps_per_round": 1},
        {"method": "random"},
        {"method": "greedy", "targets": [1.0, 5.0, 20.0]},
        {"nested": False, "levels": 3},
        {"val_fraction": 0.0, "shots": (2, 7), "episodes": 2},
        {"support": "classes", "shots": (2, 4, 50)},
        {"min_samples": 5},
        {"keep_test": ["class 01", "class 15"], "balance": 0.3},
        {"episodes": 0},
        {"null_draws": 0, "seed": 3},
    ],
)
def test_a_benchmark_that_was_just_built_passes(tmp_path, options):
    features = write_arrays(tmp_path / "x.npz")
    with np.load(features) as arrays:
        few = np.flatnonzero(~((arrays["classes"] == "class 03") & (np.arange(len(arrays["classes"])) % 8 > 3)))
        np.savez(features, **{name: arrays[name][few] for name in arrays.files})
    benchmark = build(features, **{"levels": None, "episodes": 2, "null_draws": 10} | options)
    benchmark.save(tmp_path / "x_splits.pkl")
    for name in ("x_splits.pkl", "x_splits.json"):
        found = {
            check.name: (check.status, check.problems) for check in verify(tmp_path / name, features=features).checks
        }
        assert not [entry for entry in found.items() if entry[1][0] == "failed"]
        assert {entry for entry in found if found[entry][0] == "unchecked"} <= {IMAGES, COMPLETE, EXISTING}


def test_classes_outside_the_default_halves_are_excluded_with_a_reason(tmp_path):
    rng = np.random.default_rng(0)
    classes = np.repeat([f"c{number}" for number in range(12)], 3)
    features = features_from_arrays(rng.normal(size=(36, 5)), classes)
    halves = tuple(f"c{number}" for number in range(5)), tuple(f"c{number}" for number in range(5, 11))
    own = replace(features, default_halves=halves)
    benchmark = build(own, levels=2, null_draws=10)
    benchmark.save(tmp_path / "x.pkl")
    assert benchmark.excluded == {"c11": "in neither default half"}
    assert status(tmp_path / "x.pkl", features=own)[ACCOUNTED] == "passed"


def test_images_are_held_against_the_file(tmp_path):
    rng = np.random.default_rng(0)
    for name in "abcdef":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(5):
            picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
            picture.save(tmp_path / "photos" / name / f"{index}.png")
    spec = f"folder:{tmp_path / 'photos'}"
    dataset = open_dataset(spec)
    pairs = [(name, sample) for name in dataset.classes for sample in dataset.samples[name]]
    features = features_from_arrays(
        rng.normal(size=(len(pairs), 4)),
        np.array([name for name, _ in pairs]),
        samples=np.array([sample for _, sample in pairs]),
    )
    features = replace(features, dataset_fingerprint=dataset.fingerprint)
    build(features, levels=2, shots=(2,), episodes=2, null_draws=10).save(tmp_path / "x.pkl")
    assert set(status(tmp_path / "x.pkl", features=features, images=spec).values()) == {"passed"}
    Image.new("RGB", (8, 8)).save(tmp_path / "photos" / "a" / "0.png")
    assert failed(tmp_path / "x.pkl", features=features, images=spec) == {IMAGES}
    (tmp_path / "photos" / "a" / "0.png").rename(tmp_path / "photos" / "a" / "new.png")
    assert failed(tmp_path / "x.pkl", features=features, images=spec) >= {IMAGES, SAMPLES}


def test_the_bundled_benchmark_passes():
    bundled = Path(__file__).parent.parent.parent / "datasplits" / "glyphs_splits.pkl"
    assert not failed(bundled, images="glyphs:300")


def test_a_published_pickle_is_checked_as_far_as_it_tells(folder):
    (folder / "x_splits.json").unlink()
    found = status(folder / "x_splits.pkl", features=folder / "x.npz")
    assert not [name for name, of_name in found.items() if of_name == "failed"]
    assert {name for name, of_name in found.items() if of_name == "unchecked"} == {
        *(EQUAL, WALKED, FEATURES, IMAGES, SAMPLES)
    }


def test_without_features_what_needs_them_is_said_to_be_unchecked(made):
    assert {name for name, of_name in status(made / "x_splits.pkl").items() if of_name == "unchecked"} == {
        *(KNOWN, RECOMPUTED, FEATURES, IMAGES, SAMPLES)
    }


# What is broken fails.


def broken(folder: Path, change, number: int = 2) -> Path:
    """Save the benchmark with one level changed, in both files."""
    benchmark = load_benchmark(folder / "x_splits.json")
    level = benchmark.levels[number]
    changed = replace(benchmark, levels={**benchmark.levels, number: replace(level, **change(level))})
    return changed.save(folder / "x_splits.pkl", overwrite=True)[0]


def first_episode(level, change) -> dict:
    """Change the first two-shot episode of a level."""
    return {
        "test_episodes": {**level.test_episodes, 2: {**level.test_episodes[2], 0: change(level.test_episodes[2][0])}}
    }


def support_of(level, change) -> dict:
    """Change the support of the first class of that episode."""
    name = level.test[0]
    return first_episode(level, lambda episode: {**episode, name: change(episode[name])})


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda level: {"train": (*level.train, level.train[0])}, NO_DUPLICATES),
        (lambda level: {"test": (*level.test, level.test[-1])}, NO_DUPLICATES),
        (lambda level: {"train": (*level.train, level.test[0])}, DISJOINT),
        (lambda level: {"test": level.test[:1]}, DISJOINT),
        (lambda level: {"test": (*level.test, "a stranger")}, KNOWN),
        (lambda level: {"test": level.test[1:]}, ACCOUNTED),
        (lambda level: {"removed": (level.test[0],)}, ACCOUNTED),
        (lambda level: {"fid": level.fid * 1000}, ORDERED),
        (lambda level: {"fid": level.fid * (1 + 1e-7)}, RECOMPUTED),
        (lambda level: {"fid": float(np.nextafter(level.fid, 0))}, WALKED),
        (lambda level: {"mean_term": level.mean_term + 1e-3}, RECOMPUTED),
        (lambda level: {"covariance_term": level.covariance_term - 1e-3}, RECOMPUTED),
        (lambda level: {"swaps": level.swaps + 1}, WALKED),
        (lambda level: {"train": level.test, "test": level.train}, WALKED),
        (lambda level: {"split_val": level.split_val[1:]}, DIVIDED),
        (lambda level: {"split_val": (*level.split_val, level.split_train[0])}, DIVIDED),
        (lambda level: {"split_val": (*level.split_val, level.test[0])}, DIVIDED),
        (lambda level: {"split_val": (), "split_train": level.train}, DIVIDED),
        (lambda level: first_episode(level, lambda episode: dict(list(episode.items())[1:])), COMPLETE),
        (
            lambda level: first_episode(level, lambda episode: {**episode, level.train[0]: ("00.jpg", "01.jpg")}),
            COMPLETE,
        ),
        (lambda level: support_of(level, lambda support: support[:1]), COMPLETE),
        (lambda level: support_of(level, lambda support: support[:1] * 2), COMPLETE),
        (lambda level: support_of(level, lambda support: ("nowhere.jpg", *support[1:])), EXISTING),
        (lambda level: support_of(level, lambda _: tuple(f"{index:02}.jpg" for index in range(8))), EXISTING),
        (lambda level: {"test_episodes": {2: {0: level.test_episodes[2][0]}}}, COMPLETE),
        (lambda level: {"left_out": {2: {level.test[0]: 3}}}, EXISTING),
        (lambda level: {"left_out": {2: {level.test[0]: 8}}}, EXISTING),
    ],
)
def test_a_broken_level_fails_its_check(folder, change, check):
    assert check in failed(broken(folder, change), features=folder / "x.npz")


def test_two_levels_that_are_the_same(folder):
    benchmark = load_benchmark(folder / "x_splits.json")
    path, _ = replace(benchmark, levels=benchmark.levels | {5: benchmark.levels[4]}).save(
        folder / "x_splits.pkl", overwrite=True
    )
    assert failed(path, features=folder / "x.npz") == {DIFFERENT}


def test_a_gap_in_the_numbers(folder):
    benchmark = load_benchmark(folder / "x_splits.json")
    levels = {number: level for number, level in benchmark.levels.items() if number != 3}
    path, _ = replace(benchmark, levels=levels).save(folder / "x_splits.pkl", overwrite=True)
    assert failed(path, features=folder / "x.npz") == {ORDERED}


def test_an_exclusion_without_a_reason(folder):
    benchmark = load_benchmark(folder / "x_splits.json")
    gone = benchmark.levels[4].removed[0]
    path, _ = replace(benchmark, excluded={gone: ""}).save(folder / "x_splits.pkl", overwrite=True)
    problems = next(check.problems for check in verify(path).failed if check.name == ACCOUNTED)
    assert f"no reason is given why {gone!r} is excluded" in problems


def test_a_pickle_changed_behind_the_back_of_its_json(folder):
    levels = pickle.loads((folder / "x_splits.pkl").read_bytes())
    levels[1]["train"].reverse()
    del levels[4]
    (folder / "x_splits.pkl").write_bytes(pickle.dumps(levels, protocol=2))
    check = next(check for check in verify(folder / "x_splits.json").failed)
    assert (check.name, set(check.problems)) == (
        EQUAL,
        {"level 1: train differs", "level 4 is in one of the files alone"},
    )


def test_files_that_cannot_be_read(folder):
    (folder / "x_splits.json").write_text("{")
    found = status(folder / "x_splits.pkl")
    assert (found[READABLE], found[EQUAL], found[DISJOINT]) == ("failed", "unchecked", "passed")
    (folder / "x_splits.pkl").write_bytes(b"no pickle")
    assert status(folder / "x_splits.pkl") == {READABLE: "failed", EQUAL: "unchecked"}
    with pytest.raises(BenchmarkFileError, match="there is no benchmark file"):
        verify(folder / "other.pkl")


def test_other_features(folder):
    with np.load(folder / "x.npz") as arrays:
        changed = dict(arrays)
    changed["features"][0] += 1e-6
    np.savez(folder / "x.npz", **changed)
    assert failed(folder / "x_splits.pkl", features=folder / "x.npz") == {FEATURES, RECOMPUTED}


def test_a_changed_provenance(folder):
    benchmark = load_benchmark(folder / "x_splits.json")
    told = replace(benchmark.provenance, features=benchmark.provenance.features | {"sha256": "0" * 64})
    path, _ = replace(benchmark, provenance=told).save(folder / "x_splits.pkl", overwrite=True)
    assert failed(path, features=folder / "x.npz") == {FEATURES}


def test_samples_that_the_features_do_not_have(folder):
    benchmark = load_benchmark(folder / "x_splits.json")
    samples = {**benchmark.samples, "class 00": (*benchmark.samples["class 00"], "one more.jpg")}
    path, _ = replace(benchmark, samples=samples).save(folder / "x_splits.pkl", overwrite=True)
    assert failed(path, features=folder / "x.npz") == {SAMPLES}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(benchmark=benchmarks)
def test_whatever_a_file_holds_it_is_judged(made, tmp_path, benchmark):
    path, _ = benchmark.save(tmp_path / "any.pkl", overwrite=True)
    assert {check.name for check in verify(path, features=made / "x.npz").checks} >= {DISJOINT, RECOMPUTED}


# The command.


def run(*arguments):
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


def test_the_command_shows_a_line_a_check_and_fails_where_one_does(folder):
    done = run(folder / "x_splits.pkl", "--features", folder / "x.npz")
    assert done.exit_code == 0
    assert "✓ train and test are disjoint (4 levels)" in done.output
    assert "– the images are those it was made of (give --images)" in done.output
    assert "15 checks passed, 0 failed, 1 could not be made" in done.output
    broken(folder, lambda level: {"train": (*level.train, level.test[0])})
    done = run(folder / "x_splits.pkl")
    assert done.exit_code == 1
    assert f"✗ {DISJOINT}" in done.output
    assert "    level 2: on both sides 1 classes: 'class" in done.output


def test_the_command_as_json(folder):
    done = run(folder / "x_splits.pkl", "--json")
    document = json.loads(done.stdout)
    assert document["passed"]
    assert document["checks"][0] == {
        "name": READABLE,
        "status": "passed",
        "note": "x_splits.pkl and x_splits.json",
        "problems": [],
    }
    broken(folder, lambda level: {"split_val": level.split_val[1:]})
    done = run(folder / "x_splits.pkl", "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert not document["passed"]
    assert [check["name"] for check in document["checks"] if check["status"] == "failed"] == [DIVIDED]
