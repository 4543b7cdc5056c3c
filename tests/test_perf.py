"""The measurements run, and what they compare agrees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PERF = Path(__file__).parent.parent / "perf"


def run(script, *options):
    done = subprocess.run(
        [sys.executable, PERF / f"{script}.py", "--quick", *options], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
def test_every_script_is_run_by_run_all(tmp_path):
    run("run_all", "--out", tmp_path)
    text = (tmp_path / "results.md").read_text()
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"processor", "cores", "BLAS", "numpy"} <= set(results["machine"])
    scripts = ("one_distance", "whole_benchmark", "large_progression", "evaluation_speed", "training_speed")
    for script in (*scripts, "adaptation_speed", "hardness_scaling", "image_costs", "ray_overhead", "memory"):
        assert f"perf/{script}.py" in text
        assert results["results"][script]
    distances = [row for table in results["results"]["one_distance"] for row in table["rows"]]
    assert len({row[0] for row in distances}) == 6
    # Every form gives the same number, the published procedure within its known error.
    for name, *_, difference in distances:
        assert difference == pytest.approx(0, abs=1e-4 if name in ("published procedure", "pytorch-fid") else 1e-10)
    costs, found = results["results"]["large_progression"]
    assert [row[1] for row in costs["rows"]] == ["measured", "measured", "computed"]
    assert all(ratio >= 1 - 1e-9 for *_, ratio in found["rows"])
    *compared, alone = results["results"]["evaluation_speed"]
    for table in compared:
        assert [row[-1] for row in table["rows"]] == pytest.approx([0, 0], abs=1e-6)
    assert len(alone["rows"]) == 2
    in_memory, loaded = results["results"]["training_speed"]
    ours, plain = (row[-1] for row in in_memory["rows"])
    # Both took the same steps.
    assert ours == pytest.approx(plain, rel=1e-4)
    assert len(loaded["rows"]) == 2
    (adapted,) = results["results"]["adaptation_speed"]
    assert [row[-1] for row in adapted["rows"]] == pytest.approx([0, 0], abs=1e-4)
    (engines,) = results["results"]["ray_overhead"]
    # Both give the same features.
    assert [row[-1] for row in engines["rows"]] == [0, 0]
    _, growth, counted, whole, _, files = results["results"]["hardness_scaling"]
    assert {row[0] for row in growth["rows"]} == {
        "one exact distance",
        "one batch of swaps",
        "two random splits",
        "a whole benchmark",
    }
    for table in (counted, whole):
        # The parts of a build are all of it; those inside others are told apart.
        parts = [row for row in table["rows"] if ", inside" not in row[0]]
        assert all(row[2] > 0 for row in table["rows"])
        assert sum(row[4] for row in parts) == pytest.approx(len({row[1] for row in parts}), abs=0.2)
    small, large, far = files["rows"]
    # Files grow in proportion.
    assert large[3] / small[3] == pytest.approx(large[1] / small[1], rel=0.02)
    assert (far[0], far[1]) == ("computed", 1_000_000)


def test_an_exponent_is_that_of_a_power(monkeypatch):
    monkeypatch.syspath_prepend(PERF)
    from hardness_scaling import exponent

    assert exponent({size: 3 * size**1.7 for size in (10, 100, 2000)}) == pytest.approx(1.7)
