"""Ways of training an embedding by an objective: on its own, with S2SD or as DiVA; and the Uniform Prior beside them.

All of it needs torch, and is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.training.methods.criterion import Criterion
    from oodml_bench.training.methods.diva import DiVA, DiVASettings
    from oodml_bench.training.methods.method import Method, ObjectiveMaker
    from oodml_bench.training.methods.s2sd import S2SD, S2SDSettings
    from oodml_bench.training.methods.uniform_prior import UniformPrior, UniformPriorSettings

__all__ = [
    "S2SD",
    "Criterion",
    "DiVA",
    "DiVASettings",
    "Method",
    "ObjectiveMaker",
    "S2SDSettings",
    "UniformPrior",
    "UniformPriorSettings",
]

_MODULES = {
    "Criterion": "criterion",
    "DiVA": "diva",
    "DiVASettings": "diva",
    "Method": "method",
    "ObjectiveMaker": "method",
    "S2SD": "s2sd",
    "S2SDSettings": "s2sd",
    "UniformPrior": "uniform_prior",
    "UniformPriorSettings": "uniform_prior",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
