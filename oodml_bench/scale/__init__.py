"""The same work on many machines, by Ray.

Names are loaded on first use: Ray is an optional dependency, and nothing outside of this package imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.scale.extraction import extract_on_ray
    from oodml_bench.scale.sweeping import sweep_on_ray

__all__ = ["extract_on_ray", "sweep_on_ray"]

_MODULES = {"extract_on_ray": "extraction", "sweep_on_ray": "sweeping"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
