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
    from oodml_bench.training.methods import Criterion

#: Steps after which losses are looked at: to look at one, a GPU has to come to rest.
CHECKED_EVERY = 16


@dataclass(eq=False)
class Stepper:
    """Takes training steps.

    Attributes
    ----------
    embedder, criterion, optimiser
        What is trained, and by which loss.
    precision
        What the backbone computes with: `float32`, `bfloat16` or `float16`; the last with scaled gradients.
    device
        Where.
    clip_norm
        Greatest norm of all gradients together.
    """

    embedder: Embedder
    criterion: Criterion
    optimiser: torch.optim.Optimizer
    precision: str
    device: torch.device
    clip_norm: float | None = None
    scaler: torch.amp.GradScaler = field(init=False)

    def __post_init__(self) -> None:
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take one step; give the loss, detached and on the device: NaN where an embedding is not finite.

        Parameters
        ----------
        inputs
            Of each view of the batch, one view after the other.
        labels
            Shape (B,).

        Raises
        ------
        TrainingError
            Where the GPU's memory is full.
        """
        first, second = inputs[: len(labels)], inputs[len(labels) :]
        with explained_full_memory():
            self.criterion.before_step(self.embedder)
            with autocast(self.precision, self.device):
                outputs = self.embedder.outputs(first)
                loss: torch.Tensor = self.criterion(outputs, labels, second if len(second) else None)
            # Some losses are 0 where nothing can be compared. Not looked at here: a GPU would have to come to rest.
            loss = torch.where(outputs.projected.isfinite().all(), loss, torch.nan)
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            if self.clip_norm is not None:
                self.scaler.unscale_(self.optimiser)
                torch.nn.utils.clip_grad_norm_(self._parameters(), self.clip_norm)
            self.scaler.step(self.optimiser)
            self.scaler.update()
        return loss.detach()

    def check_weights(self, when: str) -> None:
        """Refuse weights that are not finite, which a finite loss may leave behind.

        Parameters
        ----------
        when
            The time, for the message: `epoch 3`.

        Raises
        ------
        TrainingError
            Where there are any.
        """
        if not all(bool(weights.isfinite().all()) for weights in self._parameters()):
            raise TrainingError(f"weights became NaN or infinite at the end of {when}. {_ADVICE}")

    def _parameters(self) -> list[torch.Tensor]:
        return list(chain(self.embedder.parameters(), self.criterion.parameters()))


_ADVICE = (
    "What was finished before is kept. Lower `lr` of [optimiser], set `clip_norm`, or set `precision` of [training] to "
    '"float32".'
)


class StepLosses:
    """The losses of consecutive steps.

    Parameters
    ----------
    when
        What they are the steps of, for messages: `epoch 3`.
    """

    def __init__(self, when: str) -> None:
        self._when = when
        self._unchecked: list[torch.Tensor] = []
        self._values: list[float] = []

    def add(self, loss: torch.Tensor) -> None:
        """Take up the loss of the next step; looked at after `CHECKED_EVERY` steps.

        Raises
        ------
        TrainingError
            Where a loss is not finite: says when, and at which step.
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
                    f"the loss became {value} in {self._when} at step {len(self._values) + 1}. {_ADVICE}"
                )
            self._values.append(value)
