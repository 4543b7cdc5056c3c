"""`oodml-bench progression`."""

import json

import pytest
from click.testing import CliRunner

from oodml_bench.cli import main

from ..splits.benchmarks import write_arrays


def run(*arguments):
    return CliRunner().invoke(main, ["progression", *map(str, arguments)])


@pytest.mark.parametrize("direction", ["harder", "easier"])
@pytest.mark.parametrize("name", ["wide", "tall"])
def test_reproduces_the_published_progression(clone, tmp_path, name, direction):
    golden = json.loads((clone / "tests" / "data" / f"paper_swaps_{name}.json").read_text())
    expected = golden[direction]
    options = f"--direction {direction} --method paper --swaps-per-round {golden['swaps_per_round']}"
    counts = ["--rounds", len(expected["rounds"]), "--history", expected["history"]]
    features = clone / "tests" / "data" / f"class_means_{name}.npz"
    done = run(features, *options.split(), *counts, "--out", tmp_path / "progression.json")
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "progression.json").read_text())["rounds"]
    assert [step["id"] for step in written] == [wanted["id"] for wanted in expected["rounds"]]
    for step, wanted in zip(written, expected["rounds"], strict=True):
        assert set(step["train"]) == set(wanted["train"])
        assert set(step["test"]) == set(wanted["test"])
        assert step["fid"] == pytest.approx(wanted["fid"], rel=1e-4)
        assert step["mean_term"] + step["covariance_term"] == pytest.approx(step["fid"])


@pytest.mark.parametrize("method", ["greedy", "best"])
def test_walks_from_the_default_split(tmp_path, method):
    features = write_arrays(tmp_path / "x.npz")
    done = run(features, "--method", method, "--out", tmp_path / "p.json")
    assert done.exit_code == 0, done.output
    steps = json.loads((tmp_path / "p.json").read_text())["rounds"]
    assert (steps[0]["id"], steps[0]["swaps"]) == (0, 0)
    assert [step["fid"] for step in steps] == sorted(step["fid"] for step in steps)
    assert f"{len(steps)} steps" in done.output


def test_an_existing_file_stays_unless_told(tmp_path):
    features = write_arrays(tmp_path / "x.npz")
    (tmp_path / "p.json").write_text("mine")
    assert run(features, "--out", tmp_path / "p.json").exit_code == 2
    assert (tmp_path / "p.json").read_text() == "mine"
    assert run(features, "--out", tmp_path / "p.json", "--overwrite").exit_code == 0


def test_a_history_that_bars_every_class(tmp_path):
    features = write_arrays(tmp_path / "x.npz", count=8)
    done = run(features, "--method", "paper", "--history", 30, "--out", tmp_path / "p.json")
    assert done.exit_code == 2
    assert "a history of 30 bars every one" in done.output
    assert not (tmp_path / "p.json").exists()
