"""Few-shot adaptation of the last layer: backbone features computed once, beside the backbone at every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from measure import timed_in_turn
from numpy.typing import NDArray
from tables import Table, report

from oodml_bench.datasets import dataset_from_arrays
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.progress import working_on
from oodml_bench.training.adaptation import Adaptation, adapt, parse_adaptation
from oodml_bench.training.augmentation import training_transform
from oodml_bench.training.embedder import BackboneSettings, Embedder, EmbeddingSettings
from oodml_bench.training.embedding import embed
from oodml_bench.training.inputs import FeatureInputs, PictureInputs, in_order
from oodml_bench.training.recipe import Recipe, parse_recipe
from oodml_bench.training.samples import SampleSet

ONCE, EVERY_STEP = "features computed once", "backbone at every step"

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Study:
    """What is adapted: to noise, since it takes as long as anything else.

    Attributes
    ----------
    classes, shots, queries
        Number of classes, and of support and query samples of each.
    side
        Of the pictures, in pixels.
    steps
        Of the adaptation.
    """

    classes: int = 50
    shots: int = 2
    queries: int = 10
    side: int = 96
    steps: int = 50

    def adaptation(self) -> Adaptation:
        """Give the study's adaptation, in fewer steps."""
        content = {
            "name": "margin",
            "objective": {"name": "margin", "learn_beta": False},
            "miner": {"name": "distance"},
            "steps": self.steps,
        }
        return parse_adaptation(content, "perf/adaptation_speed.py")

    def recipe(self) -> Recipe:
        """Give what the embedder was trained by."""
        content = {"name": "speed", "objective": {"name": "margin"}, "training": {"epochs": 1}}
        return parse_recipe(content, "perf/adaptation_speed.py")


QUICK = Study(classes=6, queries=2, side=32, steps=3)

Task = Callable[[], NDArray[np.float32]]


def tasks(study: Study, backbone: Backbone) -> dict[str, Task]:
    """Prepare both ways: each gives the queries' embeddings after the adaptation."""
    each = study.shots + study.queries
    labels = np.repeat(np.arange(study.classes), each)
    is_support = np.tile(np.arange(each) < study.shots, study.classes)
    pixels = np.random.default_rng(0).integers(0, 256, (len(labels), study.side, study.side, 3), dtype=np.uint8)
    dataset = dataset_from_arrays("noise", pixels, labels)
    names = [sample for name in dataset.classes for sample in dataset.samples[name]]
    pictures = PictureInputs(names, dataset.images, training_transform("none", backbone), backbone.transform, 0)
    embedder = Embedder.on(backbone, BackboneSettings(name=backbone.name), EmbeddingSettings(dimension=128), seed=0)
    support = SampleSet(dataset.classes, np.flatnonzero(is_support), labels[is_support])
    how, recipe, queries = study.adaptation(), study.recipe(), np.flatnonzero(~is_support)

    def once() -> NDArray[np.float32]:
        features = embed(_Features(embedder), pictures.load(in_order(np.arange(len(labels)), 112)), CPU)
        inputs = FeatureInputs(torch.from_numpy(features))
        adapted = adapt(embedder.head_alone(), inputs, support, how, recipe, seed=0, device=CPU)
        return embed(adapted, inputs.load(in_order(queries, 112)), CPU)

    def every_step() -> NDArray[np.float32]:
        adapted = adapt(embedder, pictures, support, how, recipe, seed=0, device=CPU)
        return embed(adapted, pictures.load(in_order(queries, 112)), CPU)

    return {ONCE: once, EVERY_STEP: every_step}


class _Features(torch.nn.Module):
    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.embedder.outputs(pictures).features


@click.command()
@click.option("--runs", type=click.IntRange(1), default=2, show_default=True, help="Runs of each way.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the table to this file too.")
def main(runs: int, quick: bool, json_file: Path | None) -> None:
    """Compare both ways of one episode."""
    study = QUICK if quick else Study()
    with working_on("Adapting in both ways"):
        timed = timed_in_turn(tasks(study, load_backbone("efficientnet_lite0", image_size=study.side)), runs)
    difference = float(np.abs(timed[ONCE].value - timed[EVERY_STEP].value).max())
    title = (
        f"One episode: {study.classes} classes, {study.shots} shots, {study.queries} queries each, "
        f"efficientnet_lite0, {study.side} pixels"
    )
    table = Table(
        title=title,
        columns=("", "best [s]", "median [s]", "time ratio", "largest difference"),
        rows=tuple(
            (name, own.best, own.median, timed[EVERY_STEP].best / own.best, difference if name == ONCE else 0.0)
            for name, own in timed.items()
        ),
        note=(
            f"Adaptation of the embedding layer in {study.steps} steps, and the queries' embeddings after it; {runs} "
            "runs each, in turn in one process, CPU libraries held to one thread. The features are computed anew for "
            "this one episode; `adapt` shares them among all episodes of a run. Ratio: time of the backbone at every "
            "step over this. Difference: the largest of a coordinate of an embedding, which has the length 1."
        ),
    )
    report([table], json_file)


if __name__ == "__main__":
    main()
