"""S2SD: similarity-based self-distillation from embeddings of more dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from oodml_bench.training.methods.distillation import similarity_distillation
from oodml_bench.training.methods.method import Method, ObjectiveMaker
from oodml_bench.training.pooling import Pooling
from oodml_bench.training.settings import Settings

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Outputs


class S2SDSettings(Settings):
    """The `[s2sd]` table of a recipe.

    Attributes
    ----------
    dimensions
        Of the auxiliary embeddings, which teach.
    temperature
        Of the similarities.
    weight
        Of the distillation from the auxiliary embeddings.
    features_weight, features_delay
        Weight of the distillation from the backbone's features, and the number of training steps after which it begins;
        none: never.
    pooling
        What the auxiliary embeddings see of a feature map: its `average`, or `average+max`, the sum of average and
        maximum, which is what a backbone of that pooling gives already.
    """

    dimensions: tuple[PositiveInt, ...] = Field(default=(1024, 1536, 2048), min_length=1)
    temperature: PositiveFloat = 1
    weight: NonNegativeFloat = 50
    features_weight: NonNegativeFloat = 50
    features_delay: NonNegativeInt | None = None
    pooling: Pooling = "average"


class S2SD(Method):
    """Simultaneous similarity-based self-distillation (Roth et al., 2021).

    Small networks h_t on the backbone's features f give auxiliary embeddings of more dimensions, which learn by the
    same objective, and whose similarities in the batch the embedding x takes over::

        L = 1/2 (L(x) + mean_t L_t(h_t(f))) + weight mean_t KL(x, h_t(f)) + features_weight KL(x, f)

    with KL of `similarity_distillation`; the last term begins after `features_delay` steps. Gradients of the auxiliary
    objectives reach the backbone, too; those of the distillation reach it through x alone. Each objective has
    parameters of its own. Only x is evaluated.

    The published code gives the parameters of the objectives, such as the boundaries of the margin loss, the network's
    learning rate of 1e-5, at which they hardly move; here they have their own. It forgets the count of steps when it
    continues a run.

    Parameters
    ----------
    settings
        The `[s2sd]` table.
    make_objective
        Makes the objective of the embedding, and of each auxiliary one.
    dimension
        Of the embedding.
    features
        Number of the backbone's features F.
    lr
        Learning rate of the small networks.
    """

    steps: Tensor

    def __init__(
        self, settings: S2SDSettings, make_objective: ObjectiveMaker, *, dimension: int, features: int, lr: float
    ) -> None:
        super().__init__(make_objective(dimension))
        self.settings = settings
        self.lr = lr
        self.heads = torch.nn.ModuleList(_head(features, target) for target in settings.dimensions)
        self.target_objectives = torch.nn.ModuleList(make_objective(target) for target in settings.dimensions)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, outputs: Outputs, labels: Tensor, second_view: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Compute the loss; see `Method.forward`."""
        with torch.autocast(outputs.features.device.type, enabled=False):
            seen = outputs.features
            if self.settings.pooling == "average+max" and outputs.maxima is not None:
                seen = seen + outputs.maxima
            targets = [functional.normalize(head(seen)) for head in self.heads]
            temperature = self.settings.temperature
            losses = [
                objective(target, labels) for objective, target in zip(self.target_objectives, targets, strict=True)
            ]
            taught = [similarity_distillation(outputs.embeddings, target, temperature) for target in targets]
            loss: Tensor = (self.objective(outputs.embeddings, labels) + _mean(losses)) / 2
            loss = loss + self.settings.weight * _mean(taught)
            if self.settings.features_delay is not None:
                # Multiplied and not asked: to look at the count, a GPU has to come to rest.
                weight = self.settings.features_weight * (self.steps >= self.settings.features_delay)
                loss = loss + weight * similarity_distillation(outputs.embeddings, seen, temperature)
        if self.training:
            self.steps += 1
        return loss

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give the groups of the small networks, at `lr`, and of the objectives; all without weight decay."""
        heads = {"params": list(self.heads.parameters()), "lr": self.lr, "weight_decay": 0.0}
        objectives = [self.objective, *self.target_objectives]
        return [heads, *(group for objective in objectives for group in objective.parameter_groups())]


def _head(features: int, dimension: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Linear(features, dimension), torch.nn.ReLU(), torch.nn.Linear(dimension, dimension)
    )


def _mean(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).mean()
