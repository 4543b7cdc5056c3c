"""One small piece of each kind of work, as functions of paths, so that other processes can do them and be disturbed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from oodml_bench.features.extraction import extract
from oodml_bench.reporting.figures import plot_fid
from oodml_bench.reporting.report.writing import write_report
from oodml_bench.splits import build
from oodml_bench.training.few_shot import FewShot, adapt_run
from oodml_bench.training.material import Material
from oodml_bench.training.running import train_run
from oodml_bench.training.sweeping import Sweep, sweep
from tests.features.feature_samples import tiny_backbone, write_pictures
from tests.splits.benchmarks import small_benchmark
from tests.training.few_shot_samples import adaptation, trained_head
from tests.training.training_samples import HEAD, recipe

#: Work on the prepared folder, which leaves what comes of it in another.
Work = Callable[[Path, Path], None]


def prepare(folder: Path) -> Path:
    """Write what all works start from."""
    small_benchmark(folder).save(folder / "small_splits.json")
    write_pictures(folder / "pictures", samples=6)
    trained_head(_material(folder), folder / "trained", training={"epochs": 2})
    return folder


def extracting(folder: Path, out: Path) -> None:
    """Extract into many parts."""
    torch.set_num_threads(1)
    extract(f"folder:{folder / 'pictures'}", out, backbone=tiny_backbone(), part_size=2, batch_size=2, workers=0)


def building(folder: Path, out: Path, seed: int = 0) -> None:
    """Build, and replace what is there."""
    options: dict[str, Any] = {"method": "greedy", "levels": 2, "shots": (2,), "episodes": 1, "null_draws": 2}
    build(folder / "small.npz", seed=seed, **options).save(out / "small_splits.pkl", overwrite=True)


def training(folder: Path, out: Path) -> None:
    """Train a head for some epochs."""
    torch.set_num_threads(1)
    made = recipe(HEAD, training={"epochs": 8})
    train_run(_material(folder), level=1, recipe=made, seed=0, out=out, device="cpu", metrics=["recall@1"])


def sweeping(folder: Path, out: Path) -> None:
    """Train heads on three levels."""
    if failures := swept(folder, out).failures:
        raise RuntimeError(failures)


def swept(folder: Path, out: Path) -> Sweep:
    """Do so, and give what came of it."""
    torch.set_num_threads(1)
    made = recipe(HEAD, training={"epochs": 3})
    return sweep(_material(folder), [made], levels=(1, 2, 3), out=out, device="cpu", metrics=["recall@1"])


def adapting(folder: Path, out: Path) -> None:
    """Adapt a copy of the trained head to some episodes."""
    torch.set_num_threads(1)
    made = FewShot((2,), (adaptation(steps=2),))
    adapt_run(out, made, material=_material(folder), device="cpu")


def plotting(folder: Path, out: Path) -> None:
    """Draw a figure."""
    plot_fid(folder / "small_splits.json", out / "figure.png", overwrite=True)


def reporting(folder: Path, out: Path) -> None:
    """Write the report page of the benchmark alone."""
    write_report(folder / "small_splits.json", out, overwrite=True)


def _material(folder: Path) -> Material:
    return Material.open(folder / "small_splits.json", folder / "small.npz")


def slow_writes(seconds: float) -> None:
    """Let every file take a while from its content to its name, so that a kill falls between them on any machine."""
    flush = os.fsync

    def slowly(handle: int) -> None:
        flush(handle)
        time.sleep(seconds)

    os.fsync = slowly
