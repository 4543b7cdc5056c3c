"""What one image costs before a search: its fingerprint, reading, the backbone, storage, averaging, its name."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import sklearn.datasets
import torch
from measure import Alone, timed_alone
from tables import Cell, Table, report
from torchvision.models import resnet50

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.features import class_means, extract, features_from_arrays, load_backbone
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.loading import Pictures, load_batches
from oodml_bench.progress import working_on

#: A catalogue's images and classes.
MANY, MANY_CLASSES = 100_000_000, 1_000_000

#: Images that are read, rows that are averaged, and rows whose names alone are held.
IMAGES, ROWS, NAMES = 64, 20_000, 200_000
QUICK_IMAGES, QUICK_ROWS = 4, 200

DIMENSION = 2048

_PHOTOGRAPHS = Path(sklearn.datasets.__file__).parent / "images"


@dataclass(frozen=True)
class Spent:
    """Processor seconds, and bytes on disk, of some images together."""

    seconds: float
    size: int = 0


def fingerprinting(images: int) -> Callable[[], Spent]:
    """Prepare the fingerprint of a dataset, for which every file is read."""
    folder, dataset = _photographs(images)

    def task() -> Spent:
        with folder:
            return _spent(lambda: dataset.fingerprint)

    return task


def reading(images: int) -> Callable[[], Spent]:
    """Prepare reading, decoding, resizing and normalising photographs, as loader processes do it."""
    folder, dataset = _photographs(images)
    transform = _resnet().transform
    samples = [sample for of_class in dataset.samples.values() for sample in of_class]

    def task() -> Spent:
        pictures = Pictures(samples, dataset.images, transform)
        batches = [range(at, min(at + 32, len(samples))) for at in range(0, len(samples), 32)]
        with folder:
            return _spent(
                lambda: [len(batch.indices) for batch in load_batches(pictures, batches, workers=0, pinned=False)]
            )

    return task


def extraction(images: int) -> Callable[[], Spent]:
    """Prepare a whole extraction in one process on the processor, and measure what the store takes."""
    folder, dataset = _photographs(images)
    backbone = _resnet()
    _ = dataset.fingerprint

    def task() -> Spent:
        with folder:
            out = Path(folder.name) / "features"
            spent = _spent(lambda: extract(dataset, out, backbone=backbone, device="cpu", workers=0))
            return Spent(spent.seconds, sum(part.stat().st_size for part in out.glob("*.parquet")))

    return task


def averaging(rows: int, dimension: int) -> Callable[[], Spent]:
    """Prepare class means of features that lie in memory, a hundred rows a class as in the catalogue."""
    rng = np.random.default_rng(0)
    classes = np.array([f"class_{row // (MANY // MANY_CLASSES):07}" for row in range(rows)])
    samples = np.array([f"{name}/{row:09}.jpg" for row, name in enumerate(classes)])
    features = features_from_arrays(rng.standard_normal((rows, dimension), dtype=np.float32), classes, samples=samples)
    return lambda: _spent(lambda: class_means(features))


def _photographs(images: int) -> tuple[TemporaryDirectory[str], Dataset]:
    """Copy scikit-learn's two photographs (640 x 427 pixels) into a dataset of two classes."""
    folder = TemporaryDirectory()
    for name in ("china", "flower"):
        (Path(folder.name) / "images" / name).mkdir(parents=True)
        for number in range(images // 2):
            shutil.copy(_PHOTOGRAPHS / f"{name}.jpg", Path(folder.name) / "images" / name / f"{number:09}.jpg")
    return folder, open_dataset(f"folder:{folder.name}/images")


def _resnet() -> Backbone:
    """Give ResNet-50 with weights drawn at random, which take as long as others."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pt"
        torch.save(resnet50(weights=None).state_dict(), weights)
        return load_backbone("resnet50", weights=weights)


def _spent(work: Callable[[], object]) -> Spent:
    begin = time.process_time()
    work()
    return Spent(time.process_time() - begin)


def tables(*, quick: bool) -> list[Table]:
    """Measure everything, and compute what a catalogue's images cost."""
    images, rows = (QUICK_IMAGES, QUICK_ROWS) if quick else (IMAGES, ROWS)
    names = rows if quick else NAMES
    printed = timed_alone(fingerprinting, images)
    read = timed_alone(reading, images)
    extracted = timed_alone(extraction, images)
    averaged = timed_alone(averaging, rows, DIMENSION)
    named = timed_alone(averaging, names, 1)
    of_photographs = {
        "fingerprint: read and digest": printed,
        "read, decode, resize, normalise": read,
        "the same, ResNet-50 on the processor, and storage": extracted,
    }
    costs: list[tuple[Cell, ...]] = [_row(what, alone, images) for what, alone in of_photographs.items()]
    costs += [_row(f"class means, {DIMENSION} values", averaged, rows), _row("class means, 1 value", named, names)]
    held = named.memory.added * 1e6 / names
    stored = extracted.value.size / images
    return [
        Table(
            title=f"What an image costs, and {MANY:,}",
            columns=("what", "images", "measured: processor [ms] an image", f"computed: {MANY:,} images [core hours]"),
            rows=tuple(costs),
            note=(
                "Photographs of 640 x 427 pixels, 170 kB each, from the disk's cache; class means of rows in memory, "
                "100 a class. Each once, in a process of its own, one thread. Computed: in proportion."
            ),
        ),
        Table(
            title=f"Bytes of an image, and of {MANY:,}",
            columns=("what", "measured: bytes an image", f"computed: {MANY:,} images [GB]"),
            rows=(
                ("feature store, 2048 float32 and names", stored, stored * MANY / 1e9),
                ("names held in memory while class means are made", held, held * MANY / 1e9),
            ),
            note="Names of a class and a number. Held: what class means of 1 value added to memory, over its rows.",
        ),
    ]


def _row(what: str, alone: Alone[Spent], images: int) -> tuple[Cell, ...]:
    each = alone.value.seconds / images
    return what, images, 1e3 * each, each * MANY / 3600


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(quick: bool, json_file: Path | None) -> None:
    """Measure what an image costs before the search begins."""
    with working_on("Measuring what an image costs"):
        made = tables(quick=quick)
    report(made, json_file)


if __name__ == "__main__":
    main()
