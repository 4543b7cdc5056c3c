"""What a method is: how objectives make a training loss of what an embedder puts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Embedder, Outputs
    from oodml_bench.training.objectives import Objective


class ObjectiveMaker(Protocol):
    """Makes the recipe's objective for embeddings of a dimension, each time another one with parameters of its own."""

    def __call__(self, dimension: int, *, miner: Mapping[str, Any] | None = None) -> Objective:
        """Make it with the recipe's miner, or with the one that a `[miner]` table names."""
        ...


class Method(torch.nn.Module):
    """The plain method: the objective of the embeddings.

    Others derive from it. What a method learns besides the embedder are its parameters; what it keeps from step to step
    are its buffers: the trainer moves, saves and resumes both. All random choices come from torch's global generator.

    Parameters
    ----------
    objective
        The training loss.

    Attributes
    ----------
    views
        How many times each picture of a batch is loaded, changed at random in another way each time.
    """

    views: ClassVar[int] = 1

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, outputs: Outputs, labels: Tensor, second_view: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Compute the loss of a training step in float32.

        Parameters
        ----------
        outputs
            Of the embedder, in training mode, of a batch.
        labels
            Shape (B,), int64.
        second_view
            The inputs of the same samples a second time, for methods of two views.

        Returns
        -------
        Tensor
            A scalar that can be backpropagated.
        """
        loss: Tensor = self.objective(outputs.embeddings, labels)
        return loss

    def before_step(self, embedder: Embedder) -> None:
        """Take note of the embedder's weights; called before each training step's forward pass."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give the optimiser's groups of the method's own parameters."""
        return self.objective.parameter_groups()
