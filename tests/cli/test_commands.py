"""Commands, as a user runs them."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from oodml_bench.cli import main
from oodml_bench.splits import load_benchmark

from ..splits.benchmarks import small_benchmark, write_arrays

CLONE = Path(__file__).parent.parent.parent


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_build_writes_shows_and_inspects(tmp_path):
    features = write_arrays(tmp_path / "birds.npz")
    built = run("build", features, "--levels", 4, "--shots", "2,5", "--out", tmp_path / "birds_splits.pkl")
    assert built.exit_code == 0, built.output
    assert "birds: 4 levels" in built.output
    inspected = run("inspect", tmp_path / "birds_splits.pkl")
    assert inspected.exit_code == 0
    benchmark = load_benchmark(tmp_path / "birds_splits.pkl")
    for number, level in benchmark.levels.items():
        row = next(line for line in inspected.output.splitlines() if line.split()[:1] == [str(number)])
        assert f"{level.fid:.4g}" in row
        assert level.step in row.split()
        assert "10×5-shot" in row
    assert benchmark.provenance.features["sha256"] in inspected.output


def test_a_terminal_of_few_characters_is_no_reason_to_fail(tmp_path):
    small_benchmark(tmp_path).save(tmp_path / "x.pkl")
    (tmp_path / "x.json").unlink()
    code = f"from oodml_bench.cli import main; main(['inspect', {str(tmp_path / 'x.pkl')!r}])"
    surroundings = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"\\u2013" in done.stdout


def test_build_options_reach_the_benchmark(tmp_path):
    features = write_arrays(tmp_path / "x.npz")
    options = "--method paper --at -1,0,2,R2 --min-classes 4 --swaps-per-round 1 --val-fraction 0.5 --shots 3"
    done = run("build", features, "--out", tmp_path / "x.json", *options.split(), "--episodes", 2, "--seed", 7)
    assert done.exit_code == 0, done.output
    benchmark = load_benchmark(tmp_path / "x.json")
    assert benchmark.provenance.settings == {
        **{
            "method": "paper",
            "swaps_per_round": 1,
            "rounds": (15, 25),
            "history": (9, 5),
            "effort": None,
            "levels": 4,
            "targets": None,
            "at": ("-1", "0", "2", "R2"),
        },
        **{"min_classes": 4, "val_fraction": 0.5, "shots": (3,), "episodes": 2, "null_draws": 100, "seed": 7},
    }
    assert {level.step for level in benchmark.levels.values()} == {"-1", "0", "2", "R2"}


def test_build_targets(tmp_path):
    features = write_arrays(tmp_path / "x.npz")
    done = run("build", features, "--targets", "1,1e6", "--shots", "2", "--out", tmp_path / "x.pkl")
    assert done.exit_code == 0, done.output
    assert "note: target FID 1: this level has" in done.output


def test_inspect_of_a_published_pickle(tmp_path):
    level = {
        "train": ["a"],
        "test": ["b"],
        "fid": np.float64(8.6),
        "split_train": [],
        "split_val": [],
        "test_episodes": {},
    }
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({1: level}, protocol=2))
    done = run("inspect", tmp_path / "x.pkl")
    assert done.exit_code == 0, done.output
    assert "8.6" in done.output
    assert "where it came from is not known" in done.output


def test_plots(tmp_path):
    small_benchmark(tmp_path).save(tmp_path / "x.pkl")
    assert run("plot", "fid", tmp_path / "x.pkl", "--out", tmp_path / "fid.pdf").exit_code == 0
    done = run(
        "plot", "umap", tmp_path / "x.pkl", tmp_path / "small.npz", "--levels", "1,4", "--out", tmp_path / "u.png"
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "u.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "{x}.npz", "--levels", "99", "--out", "{x}_splits.pkl"), "99 levels were asked for"),
        (("build", "nowhere", "--out", "{x}.pkl"), "nowhere"),
        (("build", "{x}.npz", "--out", "{x}.csv"), "ends in .pkl or .json"),
        (("inspect", "nowhere.pkl"), "there is no benchmark file nowhere.pkl"),
        (("extract", "folder:nowhere", "--out", "{x}_store"), "nowhere"),
        (("extract", "riddle:me", "--out", "{x}_store"), "riddle"),
        (("extract", "glyphs:8", "--backbone", "resnet51", "--out", "{x}_store"), "resnet51"),
    ],
)
def test_bad_input_exits_with_2_and_a_message_without_a_traceback(tmp_path, arguments, message):
    write_arrays(tmp_path / "x.npz")
    done = run(*(argument.replace("{x}", str(tmp_path / "x")) for argument in arguments))
    assert done.exit_code == 2
    assert done.output.splitlines()[-1].startswith("Error: ")
    assert message in done.output
    assert "Traceback" not in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npz"]


def test_build_refuses_an_existing_output_before_it_searches(tmp_path):
    (tmp_path / "x.pkl").write_text("mine")
    done = run("build", tmp_path / "not_even_there", "--out", tmp_path / "x.pkl")
    assert done.exit_code == 2
    assert "exists already" in done.output


def test_a_failure_exits_with_1(tmp_path):
    features = write_arrays(tmp_path / "x.npz")
    done = run("build", features, "--levels", 3, "--out", features / "below" / "x.pkl")
    assert done.exit_code == 1
    assert "Error: cannot write" in done.output


@pytest.mark.parametrize("value", ["1,x", "", "1;2"])
def test_lists_that_are_none(tmp_path, value):
    done = run("build", write_arrays(tmp_path / "x.npz"), "--shots", value, "--out", tmp_path / "x.pkl")
    assert done.exit_code == 2
    assert "separated by commas" in done.output


def test_the_clone_runs_it_too(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(CLONE)}
    command = [sys.executable, str(CLONE / "cli.py"), "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("oodml-bench, version ")
