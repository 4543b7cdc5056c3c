"""How an embedding is learned: recipes, the embedder, objectives, miners, the sampler, the trainer.

Names are loaded on first use, so that reading a recipe's settings does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oodml_bench.training.few_shot import FewShot, adapt_run
    from oodml_bench.training.foreign import score_foreign
    from oodml_bench.training.material import Material
    from oodml_bench.training.recipe import Recipe
    from oodml_bench.training.recipe_files import load_adaptation, load_recipe
    from oodml_bench.training.running import Run, evaluate_run, train_run
    from oodml_bench.training.sweeping import Sweep, sweep
    from oodml_bench.training.transfer import evaluate_on

__all__ = [
    "FewShot",
    "Material",
    "Recipe",
    "Run",
    "Sweep",
    "adapt_run",
    "evaluate_on",
    "evaluate_run",
    "load_adaptation",
    "load_recipe",
    "score_foreign",
    "sweep",
    "train_run",
]

_HOME_OF = {
    "FewShot": "few_shot",
    "Material": "material",
    "Recipe": "recipe",
    "Run": "running",
    "Sweep": "sweeping",
    "adapt_run": "few_shot",
    "evaluate_on": "transfer",
    "evaluate_run": "running",
    "load_adaptation": "recipe_files",
    "load_recipe": "recipe_files",
    "score_foreign": "foreign",
    "sweep": "sweeping",
    "train_run": "running",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
