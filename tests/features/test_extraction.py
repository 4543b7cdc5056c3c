from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
import torch
from PIL import Image

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.errors import (
    BackboneError,
    DatasetError,
    FeatureError,
    InputError,
    OutputError,
    OutputExistsError,
)
from oodml_bench.features import FeatureStore, feature_matrix, open_features, store_writing
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.extraction import extract
from tests.features.feature_samples import contents, tiny_backbone, write_pictures


def features_of(store: FeatureStore) -> np.ndarray:
    return np.concatenate([feature_matrix(batch) for batch in store.batches()])


def folder(path: Path) -> Dataset:
    return open_dataset(f"folder:{path}")


def test_the_store_holds_the_network_s_output_for_every_sample_in_order(
    pictures: Path, tmp_path: Path, tiny: Backbone
) -> None:
    dataset = folder(pictures)
    done = extract(dataset, tmp_path / "out", backbone=tiny, workers=0, part_size=7, batch_size=3)
    table = pyarrow.dataset.dataset(done.store.part_paths).to_table()
    order = [(name, sample) for name in dataset.classes for sample in dataset.samples[name]]
    assert list(zip(table["class"].to_pylist(), table["sample"].to_pylist(), strict=True)) == order
    assert table["superclass"].null_count == len(order) == done.computed == 20
    tensors = torch.stack([tiny.transform(dataset.images.open(sample)) for _, sample in order])
    with torch.inference_mode():
        np.testing.assert_allclose(features_of(done.store), tiny.module(tensors).numpy(), rtol=1e-5, atol=1e-6)


def test_the_description_says_where_the_features_came_from(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    classes = folder(pictures).classes
    dataset = dataclasses.replace(
        folder(pictures), default_halves=(classes[:1], classes[1:]), superclasses=dict.fromkeys(classes, "all")
    )
    store = extract(dataset, tmp_path / "out", backbone=tiny, workers=0, part_size=7).store
    description = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert set(description.pop("versions")) == {"torch", "torchvision", "pillow"}
    assert description == {
        "schema_version": 1,
        "dataset": {
            "name": "pictures",
            "fingerprint": dataset.fingerprint,
            "sample_count": 20,
            "default_halves": {"train": list(classes[:1]), "test": list(classes[1:])},
        },
        "backbone": "tiny",
        "weights": {"id": "seed 0", "sha256": tiny.weights_sha256},
        "transform": "none",
        "dimension": 6,
        "precision": "float32",
        "part_size": 7,
        "skipped": [],
        "complete": True,
    }
    assert sorted(contents(tmp_path / "out")) == ["meta.json", *(f"part-0000{part}.parquet" for part in range(3))]
    assert {superclass for batch in store.batches() for superclass in batch["superclass"].to_pylist()} == {"all"}
    assert open_features(tmp_path / "out").default_halves == dataset.default_halves


def test_features_depend_on_neither_batch_size_nor_workers(tmp_path: Path, lite0: Backbone) -> None:
    pictures = write_pictures(tmp_path / "pictures", samples=10, side=70)
    stores = [
        extract(folder(pictures), tmp_path / f"{batch_size}-{workers}", backbone=lite0, **sizes).store
        for batch_size, workers in ((64, 0), (1, 0), (7, 2))
        for sizes in [{"batch_size": batch_size, "workers": workers, "part_size": 23}]
    ]
    reference, *others = map(features_of, stores)
    for other in others:
        error = np.linalg.norm(other - reference, axis=1) / np.linalg.norm(reference, axis=1)
        assert error.max() < 1e-5


def test_workers_do_not_change_a_byte(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    for workers in (0, 2):
        extract(folder(pictures), tmp_path / str(workers), backbone=tiny, workers=workers, part_size=6, batch_size=4)
    assert contents(tmp_path / "0") == contents(tmp_path / "2")


def test_a_rerun_does_nothing(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    out = tmp_path / "out"
    first = extract(folder(pictures), out, backbone=tiny, workers=0)
    times = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = extract(str(f"folder:{pictures}"), str(out), backbone=tiny, workers=0)
    assert again == dataclasses.replace(first, computed=0)
    assert times == {path: path.stat().st_mtime_ns for path in out.iterdir()}


def test_only_missing_parts_are_computed(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    out = tmp_path / "out"
    extract(folder(pictures), out, backbone=tiny, workers=0, part_size=6)
    before = contents(out)
    (out / "part-00001.parquet").unlink()
    with pytest.raises(FeatureError, match=r"1 of 4 parts are missing. Run the same extract command again"):
        FeatureStore.open(out)
    assert extract(folder(pictures), out, backbone=tiny, workers=0, part_size=6).computed == 6
    assert contents(out) == before


def other_pictures(pictures: Path) -> None:
    Image.new("RGB", (24, 24)).save(pictures / "class 0" / "0.png")


@pytest.mark.parametrize(
    ("change", "options", "field"),
    [
        ({"name": "other"}, {}, "backbone: tiny there, other now"),
        ({"weights_sha256": "77"}, {}, "weights sha256: .* there, 77 now"),
        ({"transform_description": "resize 3"}, {}, "transform: none there, resize 3 now"),
        ({"dimension": 5}, {}, "dimension: 6 there, 5 now"),
        ({}, {"precision": "bfloat16"}, "precision: float32 there, bfloat16 now"),
        ({}, {"part_size": 6}, "part size: 7 there, 6 now"),
        ({}, {}, "dataset fingerprint: "),
    ],
)
def test_other_features_are_refused_and_nothing_changes(
    pictures: Path, tmp_path: Path, tiny: Backbone, change: dict[str, object], options: dict[str, object], field: str
) -> None:
    out = tmp_path / "out"
    extract(folder(pictures), out, backbone=tiny, workers=0, part_size=7)
    before = contents(out)
    if not change and not options:
        other_pictures(pictures)
    with pytest.raises(FeatureError, match=f"(?s)which are not mixed:\n  {field}[^\n]*\nChoose another output"):
        extract(
            folder(pictures),
            out,
            backbone=dataclasses.replace(tiny, **change),
            workers=0,
            **{"part_size": 7, **options},
        )
    assert contents(out) == before


def test_every_difference_is_listed(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    extract(folder(pictures), tmp_path / "out", backbone=tiny, workers=0)
    with pytest.raises(FeatureError) as caught:
        extract(folder(pictures), tmp_path / "out", backbone=tiny_backbone(1), workers=0, precision="bfloat16")
    assert "weights sha256" in str(caught.value)
    assert "precision" in str(caught.value)


def test_a_folder_of_other_files_is_refused(pictures: Path, tiny: Backbone) -> None:
    with pytest.raises(OutputExistsError, match="holds other files"):
        extract(folder(pictures), pictures, backbone=tiny, workers=0)
    assert len(list(pictures.iterdir())) == 4


def test_leftovers_of_a_killed_run_are_no_parts(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("meta.json", "part-00000.parquet"):
        (out / f".unfinished-{name}").write_bytes(b"half")
    assert extract(folder(pictures), out, backbone=tiny, workers=0).computed == 20
    assert sorted(contents(out)) == ["meta.json", "part-00000.parquet"]


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_output_that_cannot_be_a_folder_is_refused(pictures: Path, tmp_path: Path, tiny: Backbone, out: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises((OutputError, OutputExistsError), match="file"):
        extract(folder(pictures), tmp_path / out, backbone=tiny, workers=0)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_keeps_finished_parts_and_the_same_call_continues(
    pictures: Path, tmp_path: Path, tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    written = 0

    def fill_up(table: object, path: Path, **options: object) -> None:
        nonlocal written
        written += 1
        if written == 3:
            path.write_bytes(b"half a part")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(table, path, **options)

    real = store_writing.pq.write_table
    with monkeypatch.context() as patched:
        patched.setattr(store_writing.pq, "write_table", fill_up)
        with pytest.raises(OutputError, match="No space left on device"):
            extract(folder(pictures), out, backbone=tiny, workers=0, part_size=6)
    assert sorted(contents(out)) == ["meta.json", "part-00000.parquet", "part-00001.parquet"]
    assert extract(folder(pictures), out, backbone=tiny, workers=0, part_size=6).computed == 8
    extract(folder(pictures), whole, backbone=tiny, workers=0, part_size=6)
    assert contents(out) == contents(whole)


def test_a_feature_that_is_not_finite_stops_the_run(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    with torch.no_grad():
        tiny.module[0].bias[2] = torch.inf
    with pytest.raises(FeatureError, match=r"image class 0/0.png of class class 0 is not finite"):
        extract(folder(pictures), tmp_path / "out", backbone=tiny, workers=0)


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"part_size": 0}, {"workers": -1}])
def test_sizes_that_make_no_sense_are_refused(
    pictures: Path, tmp_path: Path, tiny: Backbone, sizes: dict[str, int]
) -> None:
    with pytest.raises(InputError, match="too small; allowed: "):
        extract(folder(pictures), tmp_path / "out", backbone=tiny, **sizes)


def test_a_loaded_backbone_takes_no_further_weights(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    with pytest.raises(BackboneError, match="is loaded already"):
        extract(folder(pictures), tmp_path / "out", backbone=tiny, image_size=64)


def test_a_sample_that_vanished_is_named(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    dataset = folder(pictures)
    (pictures / "class 1" / "3.png").unlink()
    with pytest.raises(DatasetError, match=r"class 1/3.png"):
        extract(dataset, tmp_path / "out", backbone=tiny, workers=0)
