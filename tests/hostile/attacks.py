"""Files made to do harm, and the judgement of what became of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def check_outcomes(kind: str, files: Mapping[Path, str]) -> None:
    """Read files in a process of its own, and check that each is `good` or refused with its message, in bounds."""
    if sys.platform != "linux":
        pytest.skip("the memory of a process is read as Linux tells it")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.hostile.fuzz", kind, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    outcomes = dict(zip(files, ended.stdout.splitlines(), strict=True))
    wrong = {path.stem: outcome for path, outcome in outcomes.items() if files[path] not in outcome}
    assert not wrong, wrong
    assert not any(outcome.startswith("broken") for outcome in outcomes.values()), outcomes
