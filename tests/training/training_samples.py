"""Small benchmarks, pictures, networks and recipes for the tests of this folder."""

from __future__ import annotations

import multiprocessing
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision import transforms

from oodml_bench.datasets import Dataset, dataset_from_arrays
from oodml_bench.features import open_features
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.weights import state_digest
from oodml_bench.splits import Benchmark, Level
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import Recipe, parse_recipe
from oodml_bench.training.recipe_files import laid_over
from oodml_bench.training.running import train_run
from tests.splits.benchmarks import small_benchmark

SIDE = 16


def small_network(seed: int = 0) -> torch.nn.Module:
    """Give a convolutional network with batch norms and dropout, 8 values a picture."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            OrderedDict(
                conv=torch.nn.Conv2d(3, 8, 3, stride=2),
                bn=torch.nn.BatchNorm2d(8),
                act=torch.nn.ReLU(),
                drop=torch.nn.Dropout(0.1),
                avgpool=torch.nn.AdaptiveAvgPool2d(1),
                flatten=torch.nn.Flatten(),
            )
        )


def small_backbone(seed: int = 0) -> Backbone:
    """Give the network as a backbone for pictures of `SIDE` pixels."""
    module = small_network(seed).eval()
    half = (0.5, 0.5, 0.5)
    transform = transforms.Compose([transforms.Resize(SIDE), transforms.ToTensor(), transforms.Normalize(half, half)])
    return Backbone("small", f"seed {seed}", state_digest(module), module, transform, "none", 8, SIDE, half, half)


def picture_arrays(classes: int = 12, samples: int = 6) -> tuple[np.ndarray, list[str]]:
    """Give pictures of classes that differ in colour and stripes, a little noisy."""
    rng = np.random.default_rng(0)
    pictures, names = [], []
    for number in range(classes):
        base = rng.integers(40, 216, (1, 1, 3)) + rng.integers(-40, 40, (SIDE + 4, 1, 3))
        for _ in range(samples):
            noise = rng.integers(-15, 16, (SIDE + 4, SIDE + 4, 3))
            pictures.append(np.clip(base + noise, 0, 255).astype(np.uint8))
            names.append(f"class {number:02}")
    return np.stack(pictures), names


def picture_dataset(classes: int = 12, samples: int = 6) -> Dataset:
    """Give a dataset of such pictures in memory."""
    return dataset_from_arrays("pictures", *picture_arrays(classes, samples))


def picture_benchmark(classes: int = 12) -> Benchmark:
    """Give a benchmark of two levels on that dataset, of six and five test classes."""
    names = tuple(f"class {number:02}" for number in range(classes))
    half = classes // 2
    level = Level(names[:half], names[half:], 1.5, split_train=names[: half - 2], split_val=names[half - 2 : half])
    harder = Level(names[:half], names[half:-1], 2.5, split_train=names[: half - 2], split_val=names[half - 2 : half])
    return Benchmark("pictures", {1: level, 2: harder})


def picture_material() -> Material:
    """Give both."""
    return Material.open(picture_benchmark(), picture_dataset())


def written_picture_material(folder: Path) -> Material:
    """Give both as files, so that another process can open them."""
    images, names = picture_arrays()
    if not (folder / "pictures.npz").exists():
        np.savez(folder / "pictures.npz", images=images, classes=np.array(names))
        picture_benchmark().save(folder / "pictures_splits.json")
    return Material.open(folder / "pictures_splits.json", f"arrays:{folder / 'pictures.npz'}")


def feature_material(folder: Path, **options: Any) -> Material:
    """Give a benchmark of array features, and the features."""
    benchmark = small_benchmark(folder, **options)
    return Material(benchmark, open_features(folder / "small.npz"))


def slow_down() -> None:
    """Let every epoch take a while, so that a kill falls into the middle of a run on any machine."""
    write = CheckpointFile.write

    def slowly(checkpoint: CheckpointFile, state: Mapping[str, Any]) -> None:
        time.sleep(0.05)
        write(checkpoint, state)

    CheckpointFile.write = slowly  # type: ignore[method-assign]


def train_network(folder: str, out: str, workers: str) -> None:
    """Train on written pictures; a function of its own, so that another process can run it."""
    torch.set_num_threads(1)
    slow_down()
    # A child of the fork server would begin loader processes by another fork server, which imports torch anew.
    multiprocessing.set_start_method("fork", force=True)
    material = written_picture_material(Path(folder))
    made = recipe(NETWORK, training={"epochs": 20, "select_by": "map@r"})
    options = {"device": "cpu", "workers": int(workers), "backbone": small_backbone(), "metrics": ["recall@1"]}
    train_run(material, level=1, recipe=made, seed=0, out=out, **options)


def train_head(folder: str, out: str, _: str) -> None:
    """Train a head on written features, likewise."""
    torch.set_num_threads(1)
    slow_down()
    material = Material.open(Path(folder) / "small_splits.json", Path(folder) / "small.npz")
    made = recipe(HEAD, objective={"name": "proxy_anchor"}, training={"epochs": 20})
    train_run(material, level=1, recipe=made, seed=0, out=out, device="cpu", metrics=["recall@1"])


HEAD: dict[str, Any] = {
    "name": "head",
    "trains": "head",
    "embedding": {"dimension": 8},
    "objective": {"name": "multisimilarity"},
    "batches": {"size": 12},
    "optimiser": {"lr": 0.01, "weight_decay": 0.0},
    "training": {"epochs": 4},
}

NETWORK: dict[str, Any] = {
    "name": "network",
    "backbone": {"name": "small"},
    "embedding": {"dimension": 8},
    "objective": {"name": "margin"},
    "miner": {"name": "distance"},
    "batches": {"size": 6},
    "optimiser": {"lr": 0.003, "weight_decay": 0.0001},
    "training": {"epochs": 3},
}


def recipe(base: dict[str, Any], **over: Any) -> Recipe:
    """Give a recipe with tables laid over another's."""
    return parse_recipe(laid_over(base, over), "the test's recipe")


def equal_states(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Say whether two state dicts are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
