"""Storage that refuses or cannot be reached is never taken for a file that is missing or damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oodml_bench.errors import StorageError
from oodml_bench.evaluation.results import read_results
from oodml_bench.features import class_means, extract, open_features
from oodml_bench.splits import build, load_benchmark
from oodml_bench.splits.verification import verify
from oodml_bench.training.material import Material
from oodml_bench.training.running import train_run
from tests.features.feature_samples import tiny_backbone, write_pictures
from tests.splits.benchmarks import small_benchmark
from tests.storage.s3_server import Connection, contents_at, storage
from tests.training.training_samples import HEAD, recipe

SIZES: dict[str, Any] = {"part_size": 6, "workers": 0}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("images") / "pictures", classes=8, samples=3)


@pytest.fixture(scope="module")
def filled(_server: Connection, pictures: Path) -> str:
    """Give a bucket with features, a benchmark and a run; whoever changes it puts back what was there."""
    bucket = "s3://failing"
    storage().mkdir(bucket)
    extract(f"folder:{pictures}", f"{bucket}/features", backbone=tiny_backbone(), **SIZES)
    build(f"{bucket}/features", levels=2, min_classes=3, shots=(2,), null_draws=0).save(f"{bucket}/x_splits.pkl")
    train_run(run_material(pictures.parent), out=f"{bucket}/run", **RUN)
    return bucket


RUN: dict[str, Any] = {"level": 1, "recipe": recipe(HEAD, training={"epochs": 2}), "seed": 0, "device": "cpu"}


def run_material(folder: Path) -> Material:
    small_benchmark(folder, levels=1).save(folder / "small_splits.json", overwrite=True)
    return Material.open(folder / "small_splits.json", folder / "small.npz")


Work = Callable[[str, Path], object]

#: What is refused → what is done.
WORKS: dict[str, Work] = {
    "features/meta.json": lambda bucket, _: open_features(f"{bucket}/features"),
    "features/part-00001": lambda bucket, _: class_means(open_features(f"{bucket}/features")),
    "features/part-00002": lambda bucket, folder: extract(
        f"folder:{folder}", f"{bucket}/features", backbone=tiny_backbone(), **SIZES
    ),
    "prefix=features": lambda bucket, folder: extract(
        f"folder:{folder}", f"{bucket}/features", backbone=tiny_backbone(), **SIZES
    ),
    "x_splits.pkl": lambda bucket, _: load_benchmark(f"{bucket}/x_splits.pkl"),
    "x_splits.json": lambda bucket, _: verify(f"{bucket}/x_splits.pkl"),
    "run/run.json": lambda bucket, folder: train_run(run_material(folder.parent), out=f"{bucket}/run", **RUN),
    "run/results.jsonl": lambda bucket, folder: train_run(run_material(folder.parent), out=f"{bucket}/run", **RUN),
    "prefix=run": lambda bucket, _: read_results(f"{bucket}/run"),
}


@pytest.mark.parametrize(
    "status",
    [
        "403 Forbidden",
        # Clients try again for a while.
        pytest.param("503 Slow Down", marks=pytest.mark.slow),
        pytest.param("", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("refused", WORKS)
def test_nothing_is_taken_for_missing_or_damaged(
    refused: str, status: str, connection: Connection, filled: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    before = contents_at(filled)
    connection.refuse(status, refused)
    with pytest.raises(StorageError, match=r"cannot reach s3://.*Check the credentials and the network"):
        WORKS[refused](filled, pictures)
    assert connection.refusals
    connection.whole()
    assert contents_at(filled) == before


def test_a_checkpoint_that_cannot_be_fetched_is_not_damaged(
    connection: Connection, filled: str, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    storage().rm(f"{filled}/run/results.jsonl")
    connection.refuse("503 Slow Down", "GET /", "checkpoint.pt")
    with pytest.raises(StorageError, match=r"cannot reach s3://.*/run/checkpoint.pt"):
        train_run(run_material(pictures.parent), out=f"{filled}/run", **RUN)
    connection.whole()
    assert train_run(run_material(pictures.parent), out=f"{filled}/run", **RUN).rows
