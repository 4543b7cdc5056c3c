"""What a recipe minimises: its method, and the Uniform Prior where it adds that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from oodml_bench.training.methods.diva import DiVA
from oodml_bench.training.methods.method import Method, ObjectiveMaker
from oodml_bench.training.methods.s2sd import S2SD
from oodml_bench.training.methods.uniform_prior import UniformPrior

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Embedder, Outputs
    from oodml_bench.training.objectives import Objective
    from oodml_bench.training.recipe import Recipe


class Criterion(torch.nn.Module):
    """The whole loss of a training step.

    Parameters
    ----------
    method
        How the objective is used.
    prior
        A regulariser that is added to it.
    """

    def __init__(self, method: Method, prior: UniformPrior | None = None) -> None:
        super().__init__()
        self.method = method
        self.prior = prior

    @classmethod
    def of(cls, recipe: Recipe, class_count: int, embedder: Embedder) -> Criterion:
        """Make the loss of a recipe, for a number of training classes and an embedder at its beginning.

        Raises
        ------
        RecipeError
            Where settings do not fit the embedder.
        """
        features = embedder.head.in_features
        lr = recipe.optimiser.embedding_lr

        def make(dimension: int, *, miner: Mapping[str, Any] | None = None) -> Objective:
            return recipe.build_objective(class_count, dimension=dimension, miner=miner)

        method = _method_of(recipe, make, embedder, lr)
        prior = None
        if recipe.uniform_prior is not None:
            width = features if recipe.uniform_prior.on == "features" else recipe.embedding.dimension
            prior = UniformPrior(recipe.uniform_prior, width=width, lr=lr)
        return cls(method, prior)

    @property
    def views(self) -> int:
        """How many times each picture of a batch is loaded."""
        return self.method.views

    def before_step(self, embedder: Embedder) -> None:
        """See `Method.before_step`."""
        self.method.before_step(embedder)

    def forward(self, outputs: Outputs, labels: Tensor, second_view: Tensor | None = None) -> Tensor:
        """Compute the loss; see `Method.forward`."""
        loss: Tensor = self.method(outputs, labels, second_view)
        return loss if self.prior is None else loss + self.prior(outputs)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Give the optimiser's groups; the prior's discriminator has an optimiser of its own."""
        return self.method.parameter_groups()


def _method_of(recipe: Recipe, make: ObjectiveMaker, embedder: Embedder, lr: float) -> Method:
    dimension = recipe.embedding.dimension
    if recipe.s2sd is not None:
        return S2SD(recipe.s2sd, make, dimension=dimension, features=embedder.head.in_features, lr=lr)
    if recipe.diva is not None:
        return DiVA(recipe.diva, make, embedder, batch_size=recipe.batches.size, lr=lr)
    return Method(make(dimension))
