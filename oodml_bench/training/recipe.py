"""Recipes: everything that fixes a training run, apart from the samples and the seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, PositiveInt

from oodml_bench.errors import RecipeError
from oodml_bench.training.batches import BatchSettings
from oodml_bench.training.embedder import BackboneSettings, EmbeddingSettings
from oodml_bench.training.folder_names import FolderName
from oodml_bench.training.methods import DiVASettings, S2SDSettings, UniformPriorSettings
from oodml_bench.training.miners import MINERS, build_miner
from oodml_bench.training.objectives import OBJECTIVES, Objective, build_objective, check_objective
from oodml_bench.training.optimisers import OptimiserSettings
from oodml_bench.training.settings import Settings, parse_settings
from oodml_bench.training.toml import toml_of
from oodml_bench.training.trainer import TrainingSettings


class FewShotSettings(Settings):
    """The `[few_shot]` table of a recipe: what follows its training in a sweep.

    Attributes
    ----------
    shots
        Support samples a class.
    adaptations
        Names or files of adaptations.
    episodes
        How many of the benchmark's episodes; None: all.
    """

    shots: tuple[PositiveInt, ...] = Field(min_length=1)
    adaptations: tuple[str, ...] = Field(default=("margin",), min_length=1)
    episodes: PositiveInt | None = None


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
    few_shot
        Adaptation after the training; it changes nothing about the training.
    objective, miner
        `name`, and the settings of the objective or miner of this name.
    s2sd, diva
        How the objective is used, where it is not used alone: one of the two, or none.
    uniform_prior
        A regulariser beside it.
    """

    name: FolderName
    trains: Literal["network", "head"] = "network"
    backbone: BackboneSettings = BackboneSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    objective: dict[str, Any]
    miner: dict[str, Any] | None = None
    s2sd: S2SDSettings | None = None
    diva: DiVASettings | None = None
    uniform_prior: UniformPriorSettings | None = None
    batches: BatchSettings = BatchSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    training: TrainingSettings
    few_shot: FewShotSettings | None = None

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

    @property
    def part_weights(self) -> tuple[float, ...]:
        """Weights of the parts of an embedding; one part, unless the method has several."""
        return (1.0,) if self.diva is None else self.diva.part_weights

    @property
    def keeps_maxima(self) -> bool:
        """Whether the method asks for the maxima of feature maps that are averaged."""
        return self.s2sd is not None and self.s2sd.pooling == "average+max" and self.backbone.pooling == "average"

    def build_objective(
        self, class_count: int, *, dimension: int | None = None, miner: Mapping[str, Any] | None = None
    ) -> Objective:
        """Make the objective, with its miner, for a number of training classes.

        Parameters
        ----------
        class_count
            The number.
        dimension
            Of what it compares; of an embedding, unless given.
        miner
            A `[miner]` table instead of the recipe's.
        """
        table = self.miner if miner is None else miner
        return build_objective(
            self.objective,
            class_count=class_count,
            dimension=self.embedding.dimension if dimension is None else dimension,
            miner=None if table is None else build_miner(table),
        )


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
    _check_methods(recipe, where)
    check_objective(recipe.objective, f"[objective] of {where}", has_miner=recipe.miner is not None)
    spelled_out = {"objective": OBJECTIVES.spelled_out(recipe.objective, f"[objective] of {where}")}
    if recipe.miner is not None:
        spelled_out["miner"] = MINERS.spelled_out(recipe.miner, f"[miner] of {where}")
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


def _check_methods(recipe: Recipe, where: str) -> None:
    if recipe.s2sd is not None and recipe.diva is not None:
        raise RecipeError(f"{where}: [s2sd] and [diva] are two ways of using an objective; remove one of them")
    if recipe.diva is not None:
        _check_diva(recipe, where)
    if recipe.trains == "head" and recipe.s2sd is not None and recipe.s2sd.pooling != "average":
        raise RecipeError(
            f'{where}: pooling = {recipe.s2sd.pooling!r} of [s2sd] does not fit trains = "head", which learns from '
            "features that are pooled already. Leave it out."
        )
    if recipe.trains == "head" and recipe.uniform_prior is not None and recipe.uniform_prior.on == "features":
        raise RecipeError(
            f'{where}: on = "features" of [uniform_prior] does not fit trains = "head", where features never change. '
            'Set on = "embeddings".'
        )


def _check_diva(recipe: Recipe, where: str) -> None:
    parts, embedding = len(recipe.part_weights), recipe.embedding
    if embedding.dimension % parts or not embedding.normalise:
        raise RecipeError(
            f"{where}: an embedding of [diva] has {parts} parts of one dimension, each of the length 1; set "
            f"`normalise = true` and `dimension` of [embedding] to a multiple of {parts}. They are "
            f"{str(embedding.normalise).lower()} and {embedding.dimension}."
        )
    objective, _ = OBJECTIVES.parse(recipe.objective, f"[objective] of {where}")
    if not objective.takes_miner:
        raise RecipeError(
            f"{where}: [diva] mines triplets of other kinds for its shared and intra-class parts, but "
            f"{recipe.objective['name']} takes no miner. Choose an objective that does, such as margin."
        )
