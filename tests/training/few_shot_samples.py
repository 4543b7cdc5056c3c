"""Benchmarks with episodes, and trained runs on them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oodml_bench.datasets.names import name_in_class
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.splits import Benchmark
from oodml_bench.splits.episodes import draw_episode
from oodml_bench.training.adaptation import Adaptation, parse_adaptation
from oodml_bench.training.episode_scoring import EpisodeScorer
from oodml_bench.training.few_shot import FewShot, adapt_run
from oodml_bench.training.material import Material
from oodml_bench.training.recipe_files import laid_over
from oodml_bench.training.running import train_run
from tests.training.training_samples import HEAD, NETWORK, picture_benchmark, picture_dataset, recipe, small_backbone

MARGIN: dict[str, Any] = {
    "name": "margin",
    "objective": {"name": "margin", "learn_beta": False},
    "miner": {"name": "distance"},
    "steps": 8,
    "batches": {"size": 8},
}


def adaptation(**over: Any) -> Adaptation:
    """Give the margin adaptation with tables laid over it."""
    return parse_adaptation(laid_over(MARGIN, over), "the test's adaptation")


def with_episodes(benchmark: Benchmark, *, shots: int = 2, episodes: int = 3) -> Benchmark:
    """Give a benchmark of the small pictures with episodes of their samples."""
    samples = {
        name: [name_in_class(name, sample) for sample in of_class]
        for name, of_class in picture_dataset().samples.items()
    }
    levels = {
        number: replace(
            level,
            test_episodes={
                shots: {
                    episode: draw_episode(samples, level.test, shots, np.random.default_rng([number, episode]))
                    for episode in range(episodes)
                }
            },
        )
        for number, level in benchmark.levels.items()
    }
    return replace(benchmark, levels=levels)


def picture_episodes(**options: Any) -> Material:
    """Give the benchmark of small pictures with episodes, and the pictures."""
    return Material.open(with_episodes(picture_benchmark(), **options), picture_dataset())


def trained_network(material: Material, out: Path, **over: Any) -> Path:
    """Train a small network on level 1; give its folder."""
    made = recipe(NETWORK, **over)
    options: dict[str, Any] = {"device": "cpu", "workers": 0, "metrics": ["recall@1"], "backbone": small_backbone()}
    return train_run(material, level=1, recipe=made, seed=0, out=out, **options).folder


def trained_head(material: Material, out: Path, **over: Any) -> Path:
    """Train a small head on level 1; give its folder."""
    made = recipe(HEAD, **over)
    return train_run(material, level=1, recipe=made, seed=0, out=out, device="cpu", metrics=["recall@1"]).folder


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Give copies of all weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def adapt_slowly(folder: str, out: str, _: str) -> None:
    """Adapt a trained head to all episodes; a function of its own, so that another process can run it."""
    torch.set_num_threads(1)
    rows = EpisodeScorer.rows

    def slowly(scorer: EpisodeScorer, *which: Any) -> list[ResultRow]:
        time.sleep(0.05)
        return rows(scorer, *which)

    EpisodeScorer.rows = slowly  # type: ignore[method-assign]
    material = Material.open(Path(folder) / "small_splits.json", Path(folder) / "small.npz")
    adapt_run(out, FewShot((2, 5), (adaptation(),)), material=material, device="cpu")
