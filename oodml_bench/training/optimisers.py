"""Optimisers, and learning rates over the epochs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from oodml_bench.training.settings import Settings

_OPTIMISERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


#: No network learns with a larger one, and torch cannot compute with much larger ones.
LearningRate = Annotated[float, Field(gt=0, le=100)]


class OptimiserSettings(Settings):
    """The `[optimiser]` table of a recipe.

    Attributes
    ----------
    name
        `adam`, where weight decay is added to the gradients, or `adamw`, where it is apart from them.
    lr, weight_decay
        Of the backbone and the embedding layer. The objective's own parameters have their own learning rate and no
        weight decay.
    head_lr
        The embedding layer's own learning rate; none: `lr`.
    warmup_epochs
        First epochs in which nothing of the backbone changes: only the embedding layer and the objective learn.
    schedule
        `constant`; `multistep`: times `gamma` at every one of `milestones`, counted in finished epochs; `cosine`: from
        the full rate to 0 along half a cosine. A schedule scales all learning rates alike.
    clip_norm
        Greatest norm of the gradients of all parameters together; longer gradients are shortened to it.
    """

    name: Literal["adam", "adamw"] = "adam"
    lr: LearningRate = 1e-5
    weight_decay: NonNegativeFloat = 4e-4
    head_lr: LearningRate | None = None
    warmup_epochs: NonNegativeInt = 0
    schedule: Literal["constant", "multistep", "cosine"] = "constant"
    milestones: tuple[PositiveInt, ...] = Field(default=(), validate_default=True)
    gamma: float = Field(default=0.3, gt=0, le=1)
    clip_norm: PositiveFloat | None = None

    @property
    def embedding_lr(self) -> float:
        """The embedding layer's learning rate."""
        return self.lr if self.head_lr is None else self.head_lr

    @field_validator("milestones")
    @classmethod
    def _only_for_multistep(cls, milestones: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        schedule = info.data.get("schedule")
        if bool(milestones) != (schedule == "multistep"):
            raise ValueError(f'schedule = "multistep" needs milestones, and others take none; it is {schedule!r}')
        return milestones


def build_optimiser(settings: OptimiserSettings, groups: Sequence[Mapping[str, Any]]) -> torch.optim.Optimizer:
    """Make the optimiser of parameter groups, each with its own `lr` and `weight_decay`."""
    # What a schedule scales: a group's `lr` is what a schedule made of it.
    return _OPTIMISERS[settings.name]([{**group, "initial_lr": group["lr"]} for group in groups], lr=settings.lr)


def schedule_learning_rates(
    optimiser: torch.optim.Optimizer, settings: OptimiserSettings, epoch: int, epochs: int
) -> None:
    """Set the learning rates of epoch `epoch`, from 0, of `epochs`: they depend on nothing else."""
    factor = schedule_factor(settings, epoch, epochs)
    for group in optimiser.param_groups:
        group["lr"] = group["initial_lr"] * factor


def schedule_factor(settings: OptimiserSettings, epoch: int, epochs: int) -> float:
    """Give what the learning rates are multiplied by in epoch `epoch`, from 0, of `epochs`."""
    if settings.schedule == "multistep":
        return settings.gamma ** sum(milestone <= epoch for milestone in settings.milestones)
    if settings.schedule == "cosine":
        return (1 + math.cos(math.pi * epoch / epochs)) / 2
    return 1.0
