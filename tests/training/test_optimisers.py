from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.training.optimisers import (
    OptimiserSettings,
    build_optimiser,
    schedule_factor,
    schedule_learning_rates,
)


def groups() -> list[dict]:
    backbone, head, own = (torch.nn.Parameter(torch.ones(2)) for _ in range(3))
    return [
        {"params": [backbone], "lr": 1e-5, "weight_decay": 4e-4},
        {"params": [head], "lr": 1e-3, "weight_decay": 4e-4},
        {"params": [own], "lr": 0.02, "weight_decay": 0.0},
    ]


@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_every_group_keeps_its_rate_and_weight_decay(name: str, kind: type) -> None:
    optimiser = build_optimiser(OptimiserSettings(name=name, lr=1e-5), groups())
    assert type(optimiser) is kind
    assert [(group["lr"], group["weight_decay"]) for group in optimiser.param_groups] == [
        (1e-5, 4e-4),
        (1e-3, 4e-4),
        (0.02, 0.0),
    ]


@given(st.integers(1, 300), st.data())
def test_a_cosine_falls_from_one_towards_zero(epochs: int, data: st.DataObject) -> None:
    settings = OptimiserSettings(schedule="cosine")
    factors = [schedule_factor(settings, epoch, epochs) for epoch in range(epochs)]
    assert factors[0] == 1
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] > 0
    epoch = data.draw(st.integers(0, epochs - 1))
    assert factors[epoch] == pytest.approx(math.cos(math.pi * epoch / epochs / 2) ** 2)


def test_steps_come_at_the_milestones() -> None:
    settings = OptimiserSettings(schedule="multistep", milestones=(2, 4), gamma=0.1)
    factors = [schedule_factor(settings, epoch, 6) for epoch in range(6)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_a_schedule_scales_all_rates_alike_and_depends_on_the_epoch_alone() -> None:
    settings = OptimiserSettings(lr=1e-5, schedule="multistep", milestones=(1,), gamma=0.5)
    optimiser = build_optimiser(settings, groups())
    for epoch, factor in ((1, 0.5), (3, 0.5), (0, 1.0), (1, 0.5)):
        schedule_learning_rates(optimiser, settings, epoch, 4)
        assert [group["lr"] for group in optimiser.param_groups] == pytest.approx(
            [1e-5 * factor, 1e-3 * factor, 0.02 * factor]
        )


def test_a_constant_rate_stays() -> None:
    assert {schedule_factor(OptimiserSettings(), epoch, 9) for epoch in range(9)} == {1.0}
