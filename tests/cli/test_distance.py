"""`oodml-bench distance`."""

import json

import pytest

from ..splits.benchmarks import write_arrays
from .test_commands import run


@pytest.fixture
def features(tmp_path):
    return write_arrays(tmp_path / "x.npz", names=[f"c{number:02}" for number in range(12)])


def sides(tmp_path):
    for name, numbers in (("a", range(5)), ("b", range(5, 11))):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"c{number:02}" for number in numbers))
    return "--train", tmp_path / "a.txt", "--test", tmp_path / "b.txt"


def test_says_how_far_to_trust_the_distance(tmp_path, features):
    out = tmp_path / "distance.json"
    done = run("distance", features, *sides(tmp_path), "--out", out)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "5 train and 6 test classes, 1 on neither side, 6 dimensions"
    written = json.loads(out.read_text())
    assert lines[1].startswith(f"FID                {written['fid']:.6g} (95 %: ")
    assert "random splits" in done.stdout
    assert "KID" in done.stdout
    assert written["fid"] == pytest.approx(written["distance"]["mean_term"] + written["distance"]["covariance_term"])
    assert ("cannot be told from a random one" in done.stdout) == (
        written["calibration"]["null"]["low"] <= written["fid"] <= written["calibration"]["null"]["high"]
    )


def test_without_sides_and_draws(features):
    done = run("distance", features, "--null-draws", "0")
    assert done.stdout.startswith("default split: 6 train and 6 test classes")
    assert "random" not in done.stdout


def test_changed_covariances_are_named(tmp_path, features):
    out = tmp_path / "distance.json"
    done = run("distance", features, "--eps", "1e-8", "--shrinkage", "0.1", "--null-draws", "0", "--out", out)
    assert "(shrinkage 0.1, eps 1e-08)" in done.stdout
    assert json.loads(out.read_text())["regularised"]["eps"] == 1e-8


def test_one_side_alone_is_refused(tmp_path, features):
    done = run("distance", features, *sides(tmp_path)[:2])
    assert done.exit_code == 2
    assert "give both sides, or neither" in done.output
