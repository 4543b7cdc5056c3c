"""The Uniform Prior: a regulariser that keeps features spread."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional

from oodml_bench.errors import RecipeError
from oodml_bench.training.settings import Settings

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Outputs


class UniformPriorSettings(Settings):
    """The `[uniform_prior]` table of a recipe.

    Attributes
    ----------
    weight
        Of the regulariser.
    chunk
        How many numbers the discriminator sees at a time; it divides the number of features.
    hidden
        Width of the discriminator's two inner layers.
    every
        The discriminator is updated once in so many training steps.
    lr_multiplier
        The discriminator's learning rate, a constant, in units of the embedding layer's first one.
    on
        `features`: the backbone's, as in the study. `embeddings`: what the embedding layer gives, before it is scaled
        to the length 1; for recipes that train that layer alone.
    """

    weight: NonNegativeFloat = 0.1
    chunk: PositiveInt = 128
    hidden: PositiveInt = 100
    every: PositiveInt = 10
    lr_multiplier: PositiveFloat = 1
    on: Literal["features", "embeddings"] = "features"


class UniformPrior(torch.nn.Module):
    """Adversarial regularisation towards uniform features.

    From Sinha et al. (2020), Uniform Priors for Data-Efficient Transfer.

    A discriminator D, a small network with an optimiser of its own, learns to tell chunks of features from draws of
    U(-1, 1), and the features learn to pass for these::

        L_D = BCE(D(u), 1) + BCE(D(chunk), 0)        every `every` steps, from the first
        L   = weight BCE(D(chunk), 1)                every step

    Features after a ReLU, such as a ResNet's, are never below 0 and cannot become uniform on (-1, 1); the study uses
    them all the same.

    Parameters
    ----------
    settings
        The `[uniform_prior]` table.
    width
        Number of features, or dimension of embeddings.
    lr
        Learning rate of the embedding layer.

    Raises
    ------
    RecipeError
        Where chunks do not divide the width.
    """

    def __init__(self, settings: UniformPriorSettings, *, width: int, lr: float) -> None:
        super().__init__()
        if width % settings.chunk:
            allowed = [size for size in range(1, width + 1) if width % size == 0]
            nearest = min(allowed, key=lambda size: abs(size - settings.chunk))
            raise RecipeError(
                f"[uniform_prior] chunk = {settings.chunk} does not divide the {width} {settings.on}; a divisor does, "
                f"such as {nearest}"
            )
        self.settings = settings
        self.discriminator = torch.nn.Sequential(
            torch.nn.Linear(settings.chunk, settings.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(settings.hidden, settings.hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(settings.hidden, 1),
        )
        self._optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=lr * settings.lr_multiplier, betas=(0.5, 0.999)
        )
        self._steps = 0

    def forward(self, outputs: Outputs) -> Tensor:
        """Give the regulariser's loss, in float32; in training mode, update the discriminator first where it is due."""
        with torch.autocast(outputs.features.device.type, enabled=False):
            regularised = outputs.features if self.settings.on == "features" else outputs.projected
            chunks = regularised.reshape(-1, self.settings.chunk)
            if self.training:
                if self._steps % self.settings.every == 0:
                    self._update(chunks.detach())
                self._steps += 1
            return self.settings.weight * self._fooled(chunks)

    def _update(self, chunks: Tensor) -> None:
        uniform = torch.rand_like(chunks) * 2 - 1
        loss = _cross_entropy(self.discriminator(uniform), 1.0) + _cross_entropy(self.discriminator(chunks), 0.0)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        # What is left would count as a gradient of the whole loss.
        self._optimiser.zero_grad(set_to_none=True)

    def _fooled(self, chunks: Tensor) -> Tensor:
        """Give the loss of features that want to pass for uniform; its gradient leaves the discriminator alone."""
        fixed = {name: weights.detach() for name, weights in self.discriminator.named_parameters()}
        return _cross_entropy(torch.func.functional_call(self.discriminator, fixed, chunks), 1.0)

    def get_extra_state(self) -> dict[str, Any]:
        """Give what the state of the module is besides its parameters: the optimiser's, and the count of steps."""
        return {"optimiser": self._optimiser.state_dict(), "steps": self._steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take up a state that `get_extra_state` gave."""
        # Adam would go on with the very tensors of the state.
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._steps = state["steps"]


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
