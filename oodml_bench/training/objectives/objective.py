"""What an objective is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from oodml_bench.errors import TrainingError
from oodml_bench.training.miners.distance import DistanceMiner, DistanceSettings
from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


@dataclass(frozen=True)
class Task:
    """What an objective is made for.

    Attributes
    ----------
    class_count
        Number of training classes; labels are 0 to `class_count` - 1.
    dimension
        Length of an embedding.
    miner
        What picks tuples in a batch, for objectives that take a miner; None: the objective's default.
    """

    class_count: int
    dimension: int
    miner: Miner | None = None


class Objective(torch.nn.Module):
    """A training loss over a batch of embeddings.

    A subclass names its settings in `settings_type`, takes `(settings, task)` in `__init__`, and implements `compute`.
    What it learns (proxies, thresholds) are its parameters: the trainer moves, saves and resumes them with the network.
    They are drawn from torch's global generator.

    Attributes
    ----------
    takes_miner
        Whether a recipe may give it a miner.
    own_lr
        Learning rate of the objective's own parameters, absolute: not a multiple of the network's.
    """

    settings_type: ClassVar[type[Settings]] = Settings
    takes_miner: ClassVar[bool] = False
    own_lr: float = 5e-4

    def __init__(self, settings: Settings, task: Task) -> None:
        super().__init__()
        self.settings = settings
        self.task = task

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss in float32, also under autocast.

        Parameters
        ----------
        embeddings
            Shape (B, D), of any length: an objective that needs unit vectors normalises them itself.
        labels
            Shape (B,), int64, 0 to `class_count` - 1.

        Returns
        -------
        Tensor
            A scalar that can be backpropagated to the embeddings; 0 where nothing in the batch is to be learned.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            widened = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            return self.compute(widened, labels).reshape(())

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of float32 embeddings; see `forward`."""
        raise NotImplementedError

    @torch.no_grad()
    def start_at(self, class_means: Tensor) -> None:
        """Begin with proxies, or class weights, in the directions of the means of the classes.

        Only directions change: the length of a proxy belongs to its learning rate. Objectives without proxies stay as
        they are.

        Parameters
        ----------
        class_means
            Shape (C, D), of any length, one of each class in the order of the labels; on the objective's device.

        Raises
        ------
        TrainingError
            Where the shape is another.
        """
        expected = (self.task.class_count, self.task.dimension)
        if class_means.shape != expected:
            raise TrainingError(
                f"{type(self).__name__} cannot begin at class means of the shape {tuple(class_means.shape)}: it was "
                f"made for {expected[0]} classes and {expected[1]} dimensions; give one mean of each class, {expected}"
            )
        self.turn_proxies(functional.normalize(class_means))

    def turn_proxies(self, directions: Tensor) -> None:
        """Turn proxies, or class weights, to unit vectors (C, D); see `start_at`."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give the optimiser's groups of the objective's own parameters: without weight decay, at `own_lr`."""
        own = list(self.parameters())
        return [{"params": own, "lr": self.own_lr, "weight_decay": 0.0}] if own else []


class TupleObjective(Objective):
    """An objective over the triplets of a miner; the miner `distance` where the recipe gives none."""

    takes_miner: ClassVar[bool] = True

    def __init__(self, settings: Settings, task: Task) -> None:
        super().__init__(settings, task)
        self.miner = task.miner if task.miner is not None else DistanceMiner(DistanceSettings())

    def triplets(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Let the miner pick triplets."""
        triplets: Triplets = self.miner(embeddings, labels)
        return triplets


def mean_or_zero(losses: Tensor, embeddings: Tensor) -> Tensor:
    """Give the mean of losses (T,), and where there are none a zero that can be backpropagated to the embeddings."""
    return losses.mean() if len(losses) else embeddings.sum() * 0


def turn_to(proxies: Tensor, directions: Tensor) -> None:
    """Turn each row of the proxies (P, D), in place, into the direction of the same row; its length stays."""
    proxies.copy_(functional.normalize(directions) * proxies.norm(dim=1, keepdim=True))
