"""Small pictures, a small network and stores of given rows, for the tests of this folder."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from oodml_bench.datasets import ImageSource, open_dataset
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.extraction import extract
from oodml_bench.features.store import FeatureStore
from oodml_bench.features.store_meta import DatasetMeta, StoreMeta, WeightsMeta
from oodml_bench.features.store_writing import Rows, begin_store, finish_store, write_part
from oodml_bench.features.weights import state_digest


def write_pictures(folder: Path, *, classes: int = 4, samples: int = 5, side: int = 24) -> Path:
    """Write random PNG pictures, one folder a class."""
    random = np.random.default_rng(0)
    for class_index in range(classes):
        (folder / f"class {class_index}").mkdir(parents=True)
        for sample in range(samples):
            pixels = random.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"class {class_index}" / f"{sample}.png")
    return folder


def tiny_backbone(seed: int = 0) -> Backbone:
    """Give a network of a single convolution, 6 values a picture."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
        )
    return Backbone("tiny", f"seed {seed}", state_digest(module), module.eval(), transforms.ToTensor(), "none", 6)


def extract_lite0(pictures: str, out: str, workers: str) -> None:
    """Extract in small parts; a function of its own, so that another process can run it."""
    extract(
        f"folder:{pictures}",
        out,
        backbone="efficientnet_lite0",
        image_size=64,
        part_size=4,
        batch_size=3,
        workers=int(workers),
    )


@dataclass(frozen=True)
class SlowImages:
    """Opens pictures slowly, and leaves a file named after each process that opens one."""

    images: ImageSource
    processes: Path

    def open(self, sample: str) -> Image.Image:
        (self.processes / str(os.getpid())).touch()
        time.sleep(0.1)
        return self.images.open(sample)

    def digest(self, sample: str) -> bytes:
        return self.images.digest(sample)


def extract_slowly(pictures: str, out: str, processes: str) -> None:
    """Extract with two workers, for a test that kills this process meanwhile."""
    dataset = open_dataset(f"folder:{pictures}")
    slow = dataclasses.replace(dataset, images=SlowImages(dataset.images, Path(processes)))
    extract(slow, out, backbone=tiny_backbone(), batch_size=1, workers=2)


def write_store(folder: Path, rows: Rows, *, part_size: int) -> FeatureStore:
    """Write a complete store that holds the given rows."""
    count, dimension = rows.features.shape
    meta = StoreMeta(
        dataset=DatasetMeta(name="given", fingerprint="f", sample_count=count, default_halves=None),
        backbone="none",
        weights=WeightsMeta(id="none", sha256="0"),
        transform="none",
        dimension=dimension,
        precision="float32",
        part_size=part_size,
        versions={},
    )
    store = begin_store(folder, meta)
    for part in range(meta.part_count):
        cut = slice(part * part_size, (part + 1) * part_size)
        write_part(store, part, Rows(rows.samples[cut], rows.classes[cut], rows.superclasses[cut], rows.features[cut]))
    return finish_store(store, [])


def contents(folder: Path) -> dict[str, bytes]:
    """Give the bytes of every file in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
