"""`oodml-bench agree`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from oodml_bench import agreement, load_benchmark
from oodml_bench.cli import main

from ..splits.benchmarks import small_benchmark, write_arrays


def run(*arguments):
    return CliRunner().invoke(main, ["agree", *map(str, arguments)])


@pytest.fixture
def benchmark(tmp_path):
    return small_benchmark(tmp_path).save(tmp_path / "x_splits.pkl")[0]


def test_shows_and_writes(tmp_path, benchmark):
    other = write_arrays(tmp_path / "other.npz", seed=3)
    own = tmp_path / "small.npz"
    options = ("--out", tmp_path / "a.json", "--figure", tmp_path / "a.svg")
    done = run(benchmark, own, other, *options)
    assert done.exit_code == 0, done.output
    measured = agreement(benchmark, {"small": own, "other": other})
    levels = load_benchmark(benchmark).levels
    for number, level in levels.items():
        row = next(line.split() for line in done.output.splitlines() if line.split()[:1] == [str(number)])
        scores = (measured.own, *measured.others)
        assert row[1:] == [level.step, f"{level.fid:.4g}", *(f"{one.levels[number].normalised:.3f}" for one in scores)]
    pair = measured.correlation("benchmark", "other")
    line = next(line for line in done.output.splitlines() if line.startswith("other: "))
    assert f"Spearman {pair.spearman:.3f}, Kendall {pair.kendall:.3f}" in line
    for lower, higher in measured.others[1].changed:
        assert f"levels {lower} and {higher} change order" in line
    assert "small: Spearman 1.000, Kendall 1.000, monotone" in done.output
    assert "note: small: these are the features that the benchmark was built from" in done.output
    shown = done.output.split("differ most")[1].splitlines()[1:6]
    for line, step in zip(shown, measured.disputed, strict=False):
        assert line.startswith(f"  {step.id}: ")
        assert all(name in line for name in step.to_test + step.to_train + step.removed)
    document = json.loads((tmp_path / "a.json").read_text())
    assert len(document["disputed"]) == 10
    assert [scores["label"] for scores in document["others"]] == ["small", "other"]
    assert (tmp_path / "a.svg").exists()


def verdict(output):
    return next(line for line in output.splitlines() if line.startswith(("The ladder", "Nothing")))


def test_the_verdict(tmp_path, benchmark):
    # Nearly the same features keep the order, features of nothing but chance do not.
    with np.load(tmp_path / "small.npz") as file:
        np.savez(tmp_path / "near.npz", features=file["features"] * 2, classes=file["classes"])
        noise = np.random.default_rng(0).normal(size=file["features"].shape)
        np.savez(tmp_path / "chance.npz", features=noise, classes=file["classes"])
    assert verdict(run(benchmark, tmp_path / "near.npz").output).startswith("The ladder is one under near too")
    done = run(benchmark, tmp_path / "near.npz", tmp_path / "chance.npz")
    assert verdict(done.output) == "The ladder is not one everywhere: levels change order under chance."
    assert verdict(run(benchmark, tmp_path / "small.npz").output).startswith("Nothing can be said")


def test_features_of_one_name_are_told_apart_by_their_paths(tmp_path, benchmark):
    paths = []
    for seed, folder in ((3, "a"), (4, "b")):
        (tmp_path / folder).mkdir()
        paths.append(write_arrays(tmp_path / folder / "x.npz", seed=seed))
    done = run(benchmark, *paths)
    assert done.exit_code == 0, done.output
    for path in paths:
        assert f"\n{path}: Spearman" in done.output


def test_a_benchmark_of_one_level(tmp_path):
    one = small_benchmark(tmp_path, levels=1).save(tmp_path / "one.json")[0]
    done = run(one, write_arrays(tmp_path / "other.npz", seed=3))
    assert done.exit_code == 0, done.output
    assert "other: no rank correlation with the benchmark" in done.output
    assert "Nothing can be said" in done.output
    assert "nan" not in done.output.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{x}/nowhere",), "there are no features at"),
        (("{x}/small.npz", "{x}/small.npz"), "features may be given once each"),
        (("{x}/small.npz", "--figure", "{x}/a.jpeg"), "a picture ends in"),
        (("{x}/small.npz", "--out", "{x}/small.npz"), "exists already"),
        (("{x}/few.npz",), "features few lack 16 of the 20 classes"),
    ],
)
def test_bad_input(tmp_path, benchmark, arguments, message):
    write_arrays(tmp_path / "few.npz", count=4)
    before = sorted(tmp_path.iterdir())
    done = run(benchmark, *(argument.replace("{x}", str(tmp_path)) for argument in arguments))
    assert done.exit_code == 2
    assert message in done.output
    assert sorted(tmp_path.iterdir()) == before
