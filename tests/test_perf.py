"""The measurements run, and what they compare agrees."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PERF = Path(__file__).parent.parent / "perf"


def run(script, *options):
    done = subprocess.run(
        [sys.executable, PERF / f"{script}.py", "--quick", *options], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_script_is_run_by_run_all(tmp_path):
    run("run_all", "--out", tmp_path)
    text = (tmp_path / "results.md").read_text()
    results = json.loads((tmp_path / "results.json").read_text())
    assert {"processor", "cores", "BLAS", "numpy"} <= set(results["machine"])
    scripts = ("one_distance", "whole_benchmark", "large_progression", "evaluation_speed", "training_speed")
    for script in (*scripts, "adaptation_speed"):
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
