"""Recipes: everything that fixes a training run, apart from the samples and the seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from oodml_bench.errors import RecipeError
from oodml_bench.training.batches import BatchSettings
from oodml_bench.training.embedder import BackboneSettings, EmbeddingSettings
from oodml_bench.training.miners import MINERS, Miner, build_miner
from oodml_bench.training.objectives import OBJECTIVES, Objective, build_objective, check_objective
from oodml_bench.training.optimisers import OptimiserSettings
from oodml_bench.training.settings import Settings, parse_settings
from oodml_bench.training.toml import toml_of
from oodml_bench.training.trainer import TrainingSettings


class Recipe(Settings):
    """A training run, but for the samples and the seed.

    Attributes
    ----------
    name
        What results and folders call it: the file's name without its suffix, unless given. Without slashes.
    trains
        `network`: the backbone and the embedding layer, on pictures. `head`: the embedding layer alone, on features of
        the backbone as it is.
    backbone, embedding, batches, optimiser, training
        See the settings of each.
    objective, miner
        `name`, and the settings of the objective or miner of this name.
    """

    name: str
    trains: Literal["network", "head"] = "network"
    backbone: BackboneSettings = BackboneSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    objective: dict[str, Any]
    miner: dict[str, Any] | None = None
    batches: BatchSettings = BatchSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    training: TrainingSettings

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not name.strip(". ") or any(character in name for character in "/\\\0\n\r"):
            raise ValueError("it names folders, so it needs letters or digits, and no slash or line break")
        return name

    def as_dict(self) -> dict[str, Any]:
        """Give the recipe in built-in types, every setting spelled out: `parse_recipe` of it is this recipe again."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, over all settings: equal digest, equal recipe."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def to_toml(self) -> str:
        """Give the recipe as a TOML file, every setting that is not empty spelled out."""
        return toml_of(self.as_dict())

    @property
    def augmentation(self) -> Literal["standard", "light", "none"]:
        """How pictures are changed while training."""
        return self.training.augmentation or ("none" if self.trains == "head" else "standard")

    def build_objective(self, class_count: int) -> Objective:
        """Make the objective, with its miner, for a number of training classes."""
        miner: Miner | None = None if self.miner is None else build_miner(self.miner)
        return build_objective(self.objective, class_count=class_count, dimension=self.embedding.dimension, miner=miner)


def parse_recipe(content: Mapping[str, Any], where: str) -> Recipe:
    """Check a recipe as it stands in a file, with its name, and spell out every setting.

    Parameters
    ----------
    content
        Its tables.
    where
        The file, for messages.

    Raises
    ------
    RecipeError
        Where a key is unknown (the message gives the nearest one), a value is missing or not allowed, or settings do
        not fit each other.
    """
    recipe = parse_settings(Recipe, content, where)
    _check_head(recipe, where)
    check_objective(recipe.objective, f"[objective] of {where}", has_miner=recipe.miner is not None)
    spelled_out = {"objective": _spelled_out(OBJECTIVES, recipe.objective, f"[objective] of {where}")}
    if recipe.miner is not None:
        spelled_out["miner"] = _spelled_out(MINERS, recipe.miner, f"[miner] of {where}")
    return recipe.model_copy(update=spelled_out)


def _check_head(recipe: Recipe, where: str) -> None:
    if recipe.trains == "network":
        return
    if recipe.augmentation != "none":
        raise RecipeError(
            f'{where}: augmentation = {recipe.augmentation!r} does not fit trains = "head", which learns from features '
            'of pictures as they are. Leave it out, or set trains = "network".'
        )
    if recipe.optimiser.warmup_epochs:
        raise RecipeError(
            f'{where}: warmup_epochs = {recipe.optimiser.warmup_epochs} does not fit trains = "head", where the '
            "backbone never changes. Leave it out."
        )


def _spelled_out(registry: Any, table: Mapping[str, Any], where: str) -> dict[str, Any]:
    _, settings = registry.parse(table, where)
    return {"name": table["name"], **settings.model_dump(mode="json")}
