"""One step of training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import torch

from oodml_bench.errors import TrainingError
from oodml_bench.features.devices import autocast
from oodml_bench.training.memory import explained_full_memory

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Embedder
    from oodml_bench.training.objectives import Objective

#: Steps after which losses are looked at: to look at one, a GPU has to come to rest.
CHECKED_EVERY = 16


@dataclass(eq=False)
class Stepper:
    """Takes training steps.

    Attributes
    ----------
    embedder, objective, optimiser
        What is trained.
    precision
        What the backbone computes with: `float32`, `bfloat16` or `float16`; the last with scaled gradients.
    device
        Where.
    clip_norm
        Greatest norm of all gradients together.
    """

    embedder: Embedder
    objective: Objective
    optimiser: torch.optim.Optimizer
    precision: str
    device: torch.device
    clip_norm: float | None = None
    scaler: torch.amp.GradScaler = field(init=False)

    def __post_init__(self) -> None:
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take one step; give the loss, detached and on the device.

        Raises
        ------
        TrainingError
            Where the GPU's memory is full.
        """
        with explained_full_memory():
            with autocast(self.precision, self.device):
                embeddings = self.embedder(inputs)
            loss: torch.Tensor = self.objective(embeddings, labels)
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            if self.clip_norm is not None:
                self.scaler.unscale_(self.optimiser)
                torch.nn.utils.clip_grad_norm_(self._parameters(), self.clip_norm)
            self.scaler.step(self.optimiser)
            self.scaler.update()
        return loss.detach()

    def check_weights(self, epoch: int) -> None:
        """Refuse weights that are not finite, which a finite loss may leave behind.

        Raises
        ------
        TrainingError
            Where there are any.
        """
        if not all(bool(weights.isfinite().all()) for weights in self._parameters()):
            raise TrainingError(f"weights became NaN or infinite at the end of epoch {epoch + 1}. {_ADVICE}")

    def _parameters(self) -> list[torch.Tensor]:
        return list(chain(self.embedder.parameters(), self.objective.parameters()))


_ADVICE = (
    "The last finished epoch is kept. Lower `lr` of [optimiser], set `clip_norm`, or set `precision` of [training] to "
    '"float32".'
)


class EpochLosses:
    """The losses of the steps of an epoch.

    Parameters
    ----------
    epoch
        From 0.
    """

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._unchecked: list[torch.Tensor] = []
        self._values: list[float] = []

    def add(self, loss: torch.Tensor) -> None:
        """Take up the loss of the next step; looked at after `CHECKED_EVERY` steps.

        Raises
        ------
        TrainingError
            Where a loss is not finite: with the epoch and the step.
        """
        self._unchecked.append(loss)
        if len(self._unchecked) == CHECKED_EVERY:
            self._check()

    def mean(self) -> float:
        """Give the mean over all steps; raises as `add` does."""
        self._check()
        return math.fsum(self._values) / len(self._values)

    def _check(self) -> None:
        values = torch.stack(self._unchecked).tolist() if self._unchecked else []
        self._unchecked = []
        for value in values:
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss became {value} in epoch {self._epoch + 1} at step {len(self._values) + 1}. {_ADVICE}"
                )
            self._values.append(value)
