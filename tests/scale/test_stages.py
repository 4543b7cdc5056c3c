"""The stages of an extraction, in this process."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from oodml_bench.datasets import open_dataset
from oodml_bench.features.backbones import load_backbone
from oodml_bench.features.forward import CPU_BATCH, Forward
from oodml_bench.scale.part_writer import Batch
from oodml_bench.scale.shared_images import SharedImages
from oodml_bench.scale.stages import TO_READ, Compute, Computing, Read, Reading
from tests.features.feature_samples import write_pictures

ray = pytest.importorskip("ray")

NAMES = [(f"class {index // 5}", f"class {index // 5}/{index % 5}.png") for index in range(20)]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let references be what they refer to, and keep what actors do to their process."""
    monkeypatch.setattr(ray, "get", lambda reference: reference)
    folder, threads = Path.cwd(), torch.get_num_threads()
    yield
    os.chdir(folder)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def computing() -> Computing:
    backbone = load_backbone("efficientnet_lite0", image_size=32)
    sha256 = backbone.weights_sha256
    return Computing(backbone.name, None, 32, sha256, backbone.dimension, "cpu", "float32", CPU_BATCH)


def reading(pictures: Path, *, skip_broken: bool = False) -> Reading:
    shared = SharedImages.of(open_dataset(f"folder:{pictures}"))
    return Reading(shared, load_backbone("efficientnet_lite0", image_size=32).transform, skip_broken)


def rows(*batches: list[tuple[str, str]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "part": 3,
                "place": place,
                "places": len(batches),
                "classes": [class_name for class_name, _ in batch],
                "samples": [sample for _, sample in batch],
            }
            for place, batch in enumerate(batches)
        ],
        schema=TO_READ,
    )


def done(table: pa.Table, reading: Reading, computing: Computing) -> tuple[list[dict[str, Any]], list[Batch]]:
    """Send batches through both stages; give what is said of them, and what a writer was given."""
    sent: list[Batch] = []
    writer = SimpleNamespace(add=SimpleNamespace(remote=lambda batch: sent.append(batch)))
    decoded = pa.concat_tables(Read(reading)(table))
    return Compute(computing, [writer])(decoded).to_pylist(), sent


def test_batches_reach_the_writer_as_the_network_sees_them(tmp_path: Path, computing: Computing) -> None:
    pictures = write_pictures(tmp_path / "pictures", side=40)
    told, sent = done(rows(NAMES[:12], NAMES[12:]), reading(pictures), computing)
    assert told == [{"part": 3, "written": None, "problem": None}] * 2
    assert [(batch.part, batch.place, batch.places) for batch in sent] == [(3, 0, 2), (3, 1, 2)]
    assert [name for batch in sent for name in batch.names] == NAMES
    images = open_dataset(f"folder:{pictures}").images
    backbone = load_backbone("efficientnet_lite0", image_size=32)
    forward = Forward(backbone.module, torch.device("cpu"), "float32", CPU_BATCH)
    for batch in sent:
        seen = torch.stack([backbone.transform(images.open(sample)) for _, sample in batch.names])
        np.testing.assert_array_equal(batch.features, forward(seen, batch.names))


def test_broken_pictures_are_left_out_or_told(tmp_path: Path, computing: Computing) -> None:
    pictures = write_pictures(tmp_path / "pictures", side=40)
    for sample in ("class 1/2.png", "class 3/0.png", "class 3/1.png"):
        (pictures / sample).write_bytes(b"broken")
    table = rows(NAMES[:10], NAMES[15:17])
    told, sent = done(table, reading(pictures, skip_broken=True), computing)
    assert [row["problem"] for row in told] == [None, None]
    assert [len(batch.names) for batch in sent] == [9, 0]
    assert [batch.features.shape for batch in sent] == [(9, computing.dimension), (0, computing.dimension)]
    told, sent = done(table, reading(pictures), computing)
    assert not sent
    for row, sample in zip(told, ("class 1/2.png", "class 3/0.png"), strict=True):
        kind, message = json.loads(row["problem"])
        assert kind == "DatasetError"
        assert f"image {sample} of class" in message


def test_images_that_are_lost_sight_of_are_not_skipped(tmp_path: Path, computing: Computing) -> None:
    pictures = write_pictures(tmp_path / "pictures", side=40)
    seen = reading(pictures, skip_broken=True)
    pictures.rename(tmp_path / "elsewhere")
    told, sent = done(rows(NAMES), seen, computing)
    assert not sent
    assert "Put the dataset where all machines see it" in told[0]["problem"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights_sha256": "77"}, "has other weights on the machine .* than where the extraction was started .77."),
        ({"precision": "float16"}, "precision 'float16' is not available on cpu"),
        ({"weights": Path("/nowhere.pth")}, "there is no weights file /nowhere.pth"),
    ],
)
def test_a_machine_that_cannot_compute_the_same_says_so(
    tmp_path: Path, computing: Computing, change: dict[str, Any], reason: str
) -> None:
    pictures = write_pictures(tmp_path / "pictures", side=40)
    told, sent = done(rows(NAMES), reading(pictures), dataclasses.replace(computing, **change))
    assert not sent
    kind, message = json.loads(told[0]["problem"])
    assert kind == "BackboneError"
    assert re.search(reason, message)
