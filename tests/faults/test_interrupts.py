"""Ctrl-C: a line instead of a traceback, the exit status of shells, and a state that the same command continues."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from oodml_bench.cli import main
from tests.faults import work
from tests.faults.outcomes import files_in, outcome
from tests.faults.processes import finished, started

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals as POSIX has them")

RECIPE = """
trains = "head"
embedding = { dimension = 8 }
objective = { name = "multisimilarity" }
batches = { size = 12 }
optimiser = { lr = 0.01 }
training = { epochs = 3 }
"""


def command(arguments: Sequence[str], told: Path, pause: float) -> None:
    """Run a command, with what it says in a file, and every file written slowly."""
    work.slow_writes(pause)
    with told.open("w") as file, contextlib.redirect_stderr(file), contextlib.redirect_stdout(file):
        main(list(map(str, arguments)))


def interrupted(arguments: Sequence[str], told: Path, *, at: Path) -> int | None:
    """Run a command, and press Ctrl-C as soon as a file is there; give the exit status."""
    process = started(command, arguments, told, 0.3)
    deadline = time.monotonic() + 60
    while not at.exists() and process.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid or 0, signal.SIGINT)
    process.join()
    return process.exitcode


@pytest.mark.parametrize("which", ["extract", "build", "train", "sweep", "adapt"])
def test_an_interrupted_command_says_so_and_is_continued_by_the_same_command(
    which: str, prepared: Path, tmp_path: Path
) -> None:
    (tmp_path / "quick.toml").write_text(RECIPE)
    material = (prepared / "small_splits.json", prepared / "small.npz")
    lite0 = ("--backbone", "efficientnet_lite0", "--image-size", "32", "--workers", "0")
    recipe = tmp_path / "quick.toml"

    def arguments(out: Path) -> tuple[object, ...]:
        return {
            "extract": ("extract", f"folder:{prepared / 'pictures'}", *lite0, "--out", out),
            "build": ("build", prepared / "small.npz", "--null-draws", 2, "--method", "greedy", "--out", out / "b.pkl"),
            "train": ("train", *material, "--recipe", recipe, "--level", 1, "--out", out),
            "sweep": ("sweep", *material, "--recipes", recipe, "--seeds", "0", "--levels", "1,2", "--out", out),
            "adapt": ("adapt", out, "--shots", "2", "--episodes", "2", "--by", "class_means"),
        }[which]

    at = {
        "extract": "meta.json",
        "build": ".unfinished-b.json",
        "train": "metrics.jsonl",
        "sweep": "quick-1-0/checkpoint.pt",
        "adapt": "few_shot/2-shot/as-trained/results.jsonl",
    }[which]
    told, whole, out = tmp_path / "told", tmp_path / "whole", tmp_path / "out"
    if which == "adapt":
        for folder in (whole, out):
            train = ("train", *material, "--recipe", recipe, "--level", 1, "--out", folder)
            assert finished(command, train, told, 0.0) == 0
    assert finished(command, arguments(whole), told, 0.0) == 0, told.read_text()
    assert interrupted(arguments(out), told, at=out / at) == 130
    said = told.read_text()
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert not [path for path in files_in(out) if path.name.startswith(".")]
    assert outcome(out) != outcome(whole)
    assert finished(command, arguments(out), told, 0.0) == 0, told.read_text()
    assert outcome(out) == outcome(whole)
