"""Training losses, by name.

All of it needs torch, and is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.training.objectives.objective import Objective, Task, TupleObjective, mean_or_zero
    from oodml_bench.training.objectives.registry import OBJECTIVES, build_objective, check_objective

__all__ = [
    "OBJECTIVES",
    "Objective",
    "Task",
    "TupleObjective",
    "build_objective",
    "check_objective",
    "mean_or_zero",
]

_MODULES = {
    "OBJECTIVES": "registry",
    "Objective": "objective",
    "Task": "objective",
    "TupleObjective": "objective",
    "build_objective": "registry",
    "check_objective": "registry",
    "mean_or_zero": "objective",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
