from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from oodml_bench.errors import DatasetError
from oodml_bench.training import sweeping
from oodml_bench.training.material import Material
from oodml_bench.training.sweeping import sweep
from tests.training.training_samples import HEAD, recipe


def without_the_last_level(material: Material) -> Material:
    """Give the material with a last level of which the features lack a class."""
    last = max(material.benchmark.levels)
    level = material.benchmark.levels[last]
    lacking = dataclasses.replace(level, test=(*level.test, "unheard of"))
    levels = {**material.benchmark.levels, last: lacking}
    return Material(dataclasses.replace(material.benchmark, levels=levels), material.data)


def test_every_level_is_checked_before_the_first_run(features: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(sweeping, "head_run", lambda *_, **options: begun.append(options))
    with pytest.raises(DatasetError, match="unheard of"):
        sweep(without_the_last_level(features), [recipe(HEAD)])
    assert not begun


def test_a_run_that_fails_in_any_way_does_not_stop_the_others(
    features: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_level_2(*_: Any, level: int, **__: Any) -> list[Any]:
        if level == 2:
            raise ValueError("odd")
        return []

    monkeypatch.setattr(sweeping, "head_run", fail_on_level_2)
    done = sweep(features, [recipe(HEAD)], levels=(1, 2, 3))
    assert done.failures == {"head-2-0": "ValueError: odd"}
    assert done.finished == 2
