"""The training step: images a second, beside a plain PyTorch loop over the same network, loss and batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from measure import Timed, timed_in_turn
from numpy.typing import NDArray
from tables import Cell, Table, report
from torch.utils import data
from torchvision import transforms

from oodml_bench.datasets import Dataset, dataset_from_arrays
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.devices import autocast, choose_device, choose_precision
from oodml_bench.progress import working_on
from oodml_bench.training.augmentation import training_transform
from oodml_bench.training.batches import BatchPlan
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.inputs import FeatureInputs, Inputs, PictureInputs
from oodml_bench.training.methods import Criterion
from oodml_bench.training.recipe import Recipe, parse_recipe
from oodml_bench.training.samples import Samples, SampleSet
from oodml_bench.training.trainer import fit

OURS, PLAIN = "`fit`", "plain loop"

Task = Callable[[], float]


@dataclass(frozen=True)
class Study:
    """What is trained on: noise, since it takes as long as anything else.

    Attributes
    ----------
    classes, samples
        Number of classes, and of pictures of each.
    side
        Of the pictures that the network sees, in pixels; they are loaded from a third more.
    batch
        Pictures of a batch.
    """

    classes: int = 56
    samples: int = 8
    side: int = 96
    batch: int = 112

    def recipe(self) -> Recipe:
        """Give what is trained. It picks its pairs without drawing, so that both sides take the same steps."""
        content = {
            "name": "speed",
            "backbone": {"name": "efficientnet_lite0", "image_size": self.side},
            "objective": {"name": "multisimilarity"},
            "batches": {"size": self.batch},
            "optimiser": {"lr": 1e-5, "weight_decay": 4e-4},
            "training": {"epochs": 1, "validate": False},
        }
        return parse_recipe(content, "perf/training_speed.py")

    def dataset(self) -> Dataset:
        """Give the pictures."""
        stored = round(self.side * 4 / 3)
        pictures = np.random.default_rng(0).integers(
            0, 256, (self.classes * self.samples, stored, stored, 3), dtype=np.uint8
        )
        return dataset_from_arrays("noise", pictures, np.repeat(np.arange(self.classes), self.samples))


QUICK = Study(classes=4, samples=6, side=32, batch=8)


@dataclass(frozen=True, eq=False)
class Parts:
    """What both sides are given."""

    study: Study
    recipe: Recipe
    backbone: Backbone
    dataset: Dataset
    names: list[str]
    samples: SampleSet
    device: torch.device
    workers: int

    @classmethod
    def of(cls, study: Study, device: torch.device, workers: int) -> Parts:
        """Load and make everything."""
        recipe, dataset = study.recipe(), study.dataset()
        all_samples = Samples.of(dataset)
        return cls(
            study,
            recipe,
            load_backbone(recipe.backbone.name, image_size=recipe.backbone.image_size),
            dataset,
            [name or "" for name in all_samples.names],
            all_samples.set_of(dataset.classes),
            device,
            workers,
        )

    @property
    def batches(self) -> list[NDArray[np.int64]]:
        """The batches of the one epoch."""
        return BatchPlan(self.samples, self.recipe.batches, 0).of_epoch(0)

    def embedder(self) -> Embedder:
        """Make a fresh embedder."""
        return Embedder.on(self.backbone, self.recipe.backbone, self.recipe.embedding, seed=0)

    def tensors(self) -> torch.Tensor:
        """Give the pictures as the network sees them, in memory."""
        return torch.stack([self.backbone.transform(self.dataset.images.open(name)) for name in self.names])


def ours(parts: Parts, inputs: Inputs) -> Task:
    """Prepare an epoch of the trainer."""
    embedder = parts.embedder()
    criterion = Criterion.of(parts.recipe, len(parts.samples.classes), embedder)

    def task() -> float:
        fitted = fit(embedder, criterion, inputs, parts.samples, parts.recipe, seed=0, device=parts.device)
        return fitted.history[0].loss

    return task


def plain(parts: Parts, loaded: Callable[[], Iterator[torch.Tensor]]) -> Task:
    """Prepare the same epoch as one would write it by hand: no checks, no logs, no checkpoints."""
    embedder, objective = parts.embedder(), parts.recipe.build_objective(len(parts.samples.classes))
    network = torch.nn.Sequential(embedder.backbone, embedder.head).to(parts.device).train()  # type: ignore[arg-type]
    labels = torch.from_numpy(parts.samples.labels).to(parts.device)
    precision = choose_precision("auto", parts.device)

    def task() -> float:
        # A new one each time, as `fit` makes it.
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-5, weight_decay=4e-4)
        losses = []
        for positions, pictures in zip(parts.batches, loaded(), strict=True):
            with autocast(precision, parts.device):
                embeddings = network(pictures.to(parts.device, non_blocking=True))
            loss = objective(torch.nn.functional.normalize(embeddings.float()), labels[torch.from_numpy(positions)])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    return task


@dataclass(frozen=True)
class PlainPictures(data.Dataset[torch.Tensor]):
    """The pictures, changed by torchvision."""

    parts: Parts
    transform: Callable[..., torch.Tensor]

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.transform(self.parts.dataset.images.open(self.parts.names[row]))


def in_memory(parts: Parts) -> Mapping[str, Task]:
    """Prepare both sides on tensors in memory."""
    tensors, rows = parts.tensors(), parts.samples.rows
    return {
        OURS: ours(parts, FeatureInputs(tensors)),
        PLAIN: plain(parts, lambda: (tensors[torch.from_numpy(rows[positions])] for positions in parts.batches)),
    }


def through_the_loader(parts: Parts) -> Mapping[str, Task]:
    """Prepare both sides on pictures that are opened, cut, flipped and normalised."""
    backbone, pinned = parts.backbone, parts.device.type == "cuda"
    changed = training_transform("standard", backbone)
    inputs = PictureInputs(
        parts.names, parts.dataset.images, changed, backbone.transform, 0, parts.workers, pinned=pinned
    )
    transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(parts.study.side),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(backbone.mean, backbone.std),
        ]
    )
    batches = [parts.samples.rows[positions].tolist() for positions in parts.batches]
    loader = data.DataLoader(
        PlainPictures(parts, transform),
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=parts.workers,
        pin_memory=pinned,
    )
    return {OURS: ours(parts, inputs), PLAIN: plain(parts, lambda: iter(loader))}


def table(title: str, parts: Parts, tasks: Mapping[str, Task], runs: int, note: str) -> Table:
    """Compare the two sides."""
    for task in tasks.values():
        # The first epoch warms up caches, allocators and kernels.
        task()
    timed = timed_in_turn(tasks, runs)
    count = sum(map(len, parts.batches))
    return Table(
        title=f"{title}: efficientnet_lite0, {parts.study.side} pixels, batches of {parts.study.batch}, {parts.device}",
        columns=("", "best [images/s]", "median [images/s]", "time ratio", "mean loss"),
        rows=tuple(_row(name, timed, count) for name in tasks),
        note=(
            f"{runs} epochs of {len(parts.batches)} batches each, in turn in one process, after one that is not "
            f"counted; CPU libraries held to one thread, {parts.workers} loader processes. Ratio: time of the best to "
            f"the plain loop's. {note}"
        ),
    )


def _row(name: str, timed: Mapping[str, Timed[float]], count: int) -> tuple[Cell, ...]:
    own = timed[name]
    return name, count / own.best, count / own.median, own.best / timed[PLAIN].best, own.value


@click.command()
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Epochs of each side.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Loader processes.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(runs: int, device: str, workers: int, quick: bool, json_file: Path | None) -> None:
    """Compare the training step with a plain loop."""
    parts = Parts.of(QUICK if quick else Study(), choose_device(device), workers)
    with working_on("Training without and with a loader"):
        tables = [
            table(
                "Training, tensors in memory",
                parts,
                in_memory(parts),
                runs,
                "The losses show that both take the same steps.",
            ),
            table(
                "Training, through the loader",
                parts,
                through_the_loader(parts),
                runs,
                "Cut, flipped and normalised by torchvision on the plain side; the draws differ, and so do the losses.",
            ),
        ]
    report(tables, json_file)


if __name__ == "__main__":
    main()
