"""Extraction by a Ray cluster of this one machine, beside the local engine: what Ray costs where it gains nothing."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import ray
from measure import Timed, timed_in_turn
from tables import Cell, Table, report

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.features import FeatureStore, extract, feature_matrix, load_backbone
from oodml_bench.progress import working_on
from oodml_bench.scale import extract_on_ray

LOCAL, RAY = "local engine", "Ray"

#: Processes that read and decode, on both sides.
WORKERS = 2

Task = Callable[[], FeatureStore]


@dataclass(frozen=True)
class Study:
    """What is extracted.

    Attributes
    ----------
    dataset
        Characters that are drawn when they are opened, which costs as much as decoding a photograph.
    side
        Of the pictures as the network sees them, in pixels.
    """

    dataset: str = "glyphs"
    side: int = 96


QUICK = Study(dataset="glyphs:40", side=32)


def tasks(study: Study, dataset: Dataset, folder: Path) -> dict[str, Task]:
    """Prepare both engines; each writes a store of its own at every run."""

    def local() -> FeatureStore:
        out = Path(tempfile.mkdtemp(dir=folder)) / "features"
        backbone = load_backbone("efficientnet_lite0", image_size=study.side)
        # A copy: a dataset keeps its fingerprint once it is taken.
        return extract(replace(dataset), out, backbone=backbone, device="cpu", workers=WORKERS).store

    def on_ray() -> FeatureStore:
        out = Path(tempfile.mkdtemp(dir=folder)) / "features"
        network = {"backbone": "efficientnet_lite0", "image_size": study.side}
        return extract_on_ray(dataset, out, gpus=0, workers=WORKERS, **network).store  # type: ignore[arg-type]

    return {LOCAL: local, RAY: on_ray}


def difference(first: FeatureStore, second: FeatureStore) -> float:
    """Give the largest difference of a feature's value."""
    pairs = zip(first.batches(["feature"]), second.batches(["feature"]), strict=True)
    return max(float(np.abs(feature_matrix(one) - feature_matrix(other)).max()) for one, other in pairs)


def table(study: Study, dataset: Dataset, timed: Mapping[str, Timed[FeatureStore]], runs: int) -> Table:
    """Compare the engines."""
    images = dataset.sample_count
    return Table(
        title=f"Extraction: {images} images of {study.dataset}, efficientnet_lite0, {study.side} pixels, CPU",
        columns=("", "best [s]", "median [s]", "best [images/s]", "time ratio", "largest difference"),
        rows=tuple(_row(name, timed, images) for name in timed),
        note=(
            f"{runs} runs each, in turn, {WORKERS} processes that read and decode and one network of one thread on "
            "both sides. The cluster is this machine and runs already; starting its processes, each of which imports "
            "torch, is part of the time. Fingerprints are taken at every run, on the cluster by its tasks. Ratio: of "
            "the best to the local engine's. Difference: of a feature's value from the local engine's."
        ),
    )


def _row(name: str, timed: Mapping[str, Timed[FeatureStore]], images: int) -> tuple[Cell, ...]:
    own, local = timed[name], timed[LOCAL]
    ratio = own.best / local.best
    return name, own.best, own.median, images / own.best, ratio, difference(own.value, local.value)


@click.command()
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="Runs of each engine.")
@click.option("--dataset", help="Another dataset.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the table to this file too.")
def main(runs: int, dataset: str | None, quick: bool, json_file: Path | None) -> None:
    """Compare extraction by Ray with the local engine."""
    study = QUICK if quick else Study()
    if dataset is not None:
        study = Study(dataset, study.side)
    images = open_dataset(study.dataset)
    ray.init(address="local", num_cpus=WORKERS + 1, include_dashboard=False, logging_level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, working_on("Extracting by both engines"):
        timed = timed_in_turn(tasks(study, images, Path(folder)), runs)
        report([table(study, images, timed, runs)], json_file)
    ray.shutdown()


if __name__ == "__main__":
    main()
