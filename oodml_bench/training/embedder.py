"""The embedder: a backbone, a linear layer, and the length 1."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch.nn.modules.batchnorm import _BatchNorm

from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.training.pooling import MaximumKeeper, Pooling, keep_maximum, set_pooling
from oodml_bench.training.seeding import seeded_torch
from oodml_bench.training.settings import Settings

_CPU = torch.device("cpu")


class BackboneSettings(Settings):
    """The `[backbone]` table of a recipe.

    Attributes
    ----------
    name, weights, image_size
        See `oodml_bench.features.load_backbone`.
    pooling
        `average`, or `average+max`: the sum of average and maximum over the feature map.
    freeze_bn
        Keep the running statistics of batch norms, and normalise with them while training.
    """

    name: str = "resnet50"
    weights: str | None = None
    image_size: PositiveInt | None = None
    pooling: Pooling = "average"
    freeze_bn: bool = False

    def load(self) -> Backbone:
        """Load the backbone; errors as of `oodml_bench.features.load_backbone`."""
        weights = None if self.weights is None else Path(self.weights)
        return load_backbone(self.name, weights=weights, image_size=self.image_size)


class EmbeddingSettings(Settings):
    """The `[embedding]` table of a recipe.

    Attributes
    ----------
    dimension
        Length of an embedding.
    normalise
        Scale embeddings to the length 1.
    initial
        The linear layer's first weights: `torch` as torch draws them, `orthogonal` with orthonormal rows or columns,
        which keep the geometry of the features as far as the dimensions allow.
    """

    dimension: PositiveInt = 512
    normalise: bool = True
    initial: Literal["torch", "orthogonal"] = "torch"


@dataclass(frozen=True)
class Outputs:
    """What an embedder makes of a batch, on the way to its embeddings.

    Attributes
    ----------
    features
        (B, F) float32: the backbone's pooled features.
    projected
        (B, D) float32: what the linear layer makes of them, of any length.
    parts
        The parts of the embedding, (B, D / parts) float32 each, each at the length 1 where the embedder normalises.
        One: the embedding itself.
    embeddings
        (B, D) float32: all parts together.
    maxima
        (B, F) float32: the maximum of each feature over the feature map, where the embedder keeps it.
    """

    features: torch.Tensor
    projected: torch.Tensor
    parts: tuple[torch.Tensor, ...]
    embeddings: torch.Tensor
    maxima: torch.Tensor | None = None


class Embedder(torch.nn.Module):
    """A network that gives embeddings.

    Parameters
    ----------
    backbone
        (B, 3, S, S) to (B, F), or None where the inputs are features (B, F) already.
    features
        F.
    settings
        Dimension D, normalisation, first weights.
    seed
        Of the linear layer's first weights.
    freeze_bn
        Keep every batch norm of the backbone in evaluation mode, whatever `train()` says: its running statistics stay
        as they are and are what it normalises with; its scale and shift are trained all the same, as in the published
        study. Other norms (group norm, layer norm) have no running statistics: on networks with those alone it changes
        nothing.
    part_weights
        An embedding may consist of parts of one dimension, which are trained apart: each is scaled to the length 1 and
        multiplied by its weight, and all of it together is scaled to the length 1.
    keeps_maxima
        Whether the backbone was made to keep maxima over its feature map; see `Outputs.maxima`.
    """

    def __init__(
        self,
        backbone: torch.nn.Module | None,
        features: int,
        settings: EmbeddingSettings,
        *,
        seed: int,
        freeze_bn: bool = False,
        part_weights: Sequence[float] = (1.0,),
        keeps_maxima: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.settings = settings
        self.part_weights = tuple(part_weights)
        self.keeps_maxima = keeps_maxima
        self.freeze_bn = freeze_bn
        self._backbone_held = False
        with seeded_torch(_CPU, "embedding layer", seed):
            self.head = torch.nn.Linear(features, settings.dimension)
            if settings.initial == "orthogonal":
                torch.nn.init.orthogonal_(self.head.weight)
                torch.nn.init.zeros_(self.head.bias)
        self.train()

    @classmethod
    def on(
        cls,
        backbone: Backbone,
        settings: BackboneSettings,
        embedding: EmbeddingSettings,
        *,
        seed: int,
        part_weights: Sequence[float] = (1.0,),
        keeps_maxima: bool = False,
    ) -> Embedder:
        """Make an embedder on a copy of a loaded backbone.

        Raises
        ------
        RecipeError
            Where the backbone has no feature map that could be pooled, or whose maxima could be kept, as the settings
            say.
        """
        network = copy.deepcopy(backbone.module)
        if keeps_maxima:
            keep_maximum(network, backbone.name)
        set_pooling(network, settings.pooling, backbone.name)
        return cls(
            network,
            backbone.dimension,
            embedding,
            seed=seed,
            freeze_bn=settings.freeze_bn,
            part_weights=part_weights,
            keeps_maxima=keeps_maxima,
        )

    def train(self, mode: bool = True) -> Embedder:
        """Set training or evaluation mode; frozen batch norms stay in evaluation mode."""
        super().train(mode)
        for module in () if self.backbone is None else self.backbone.modules():
            if self._backbone_held or (self.freeze_bn and isinstance(module, _BatchNorm)):
                module.training = False
        return self

    def head_alone(self) -> Embedder:
        """Give an embedder with a copy of the linear layer that takes the backbone's features."""
        alone = Embedder(None, self.head.in_features, self.settings, seed=0, part_weights=self.part_weights)
        alone.head.load_state_dict(self.head.state_dict())
        return alone

    def hold_backbone(self, held: bool) -> None:
        """Let nothing of the backbone change, running statistics included, or let it learn again."""
        self._backbone_held = held
        if self.backbone is not None:
            self.backbone.requires_grad_(not held)
        self.train(self.training)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give the embeddings, (B, D) float32, of pictures (B, 3, S, S) or features (B, F).

        Under autocast the backbone computes with less precision; the linear layer and what follows never do, since
        embeddings that differ little would become equal.
        """
        return self.outputs(inputs).embeddings

    def outputs(self, inputs: torch.Tensor) -> Outputs:
        """Give all that a training loss may ask for; see `forward`."""
        pooled, maxima = self._pooled(inputs)
        with torch.autocast(pooled.device.type, enabled=False):
            features = pooled.float()
            projected = self.head(features)
            parts = projected.chunk(len(self.part_weights), dim=1)
            if self.settings.normalise:
                parts = tuple(torch.nn.functional.normalize(part) for part in parts)
            return Outputs(features, projected, parts, self._joined(parts), None if maxima is None else maxima.float())

    def _joined(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        if len(parts) == 1:
            return parts[0]
        weighted = [weight * part for weight, part in zip(self.part_weights, parts, strict=True)]
        return torch.nn.functional.normalize(torch.cat(weighted, dim=1))

    def _pooled(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if self.backbone is None:
            return inputs, None
        if not self.keeps_maxima:
            return self.backbone(inputs), None
        keeper = next(module for module in self.backbone.modules() if isinstance(module, MaximumKeeper))
        pooled = self.backbone(inputs)
        return pooled, keeper.take()

    def parameter_groups(self, *, lr: float, head_lr: float | None, weight_decay: float) -> list[dict[str, Any]]:
        """Give the backbone's and the linear layer's parameters, each with its learning rate and weight decay."""
        head = {"params": list(self.head.parameters()), "lr": lr if head_lr is None else head_lr}
        groups = [head | {"weight_decay": weight_decay}]
        if self.backbone is not None:
            groups.insert(0, {"params": list(self.backbone.parameters()), "lr": lr, "weight_decay": weight_decay})
        return groups
