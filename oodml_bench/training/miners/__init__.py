"""Rules that pick triplets in a batch, by name.

All of it needs torch, and is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.training.miners.miner import Miner, Triplets
    from oodml_bench.training.miners.registry import MINERS, build_miner, check_miner

__all__ = ["MINERS", "Miner", "Triplets", "build_miner", "check_miner"]

_MODULES = {
    "MINERS": "registry",
    "Miner": "miner",
    "Triplets": "miner",
    "build_miner": "registry",
    "check_miner": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
