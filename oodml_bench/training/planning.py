"""What the runs of a sweep are: every recipe on every level with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from oodml_bench.datasets import Dataset
from oodml_bench.errors import RecipeError, RunError
from oodml_bench.training.few_shot import FewShot
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.recipe_files import load_adaptation


@dataclass(frozen=True)
class Planned:
    """One run of a sweep.

    Attributes
    ----------
    level, recipe, seed
        What is trained where, with which seed.
    few_shot
        The adaptation that follows; None: none does.
    """

    level: int
    recipe: Recipe
    seed: int
    few_shot: FewShot | None = None

    @property
    def name(self) -> str:
        """Name of the run and of its folder."""
        return f"{self.recipe.name}-{self.level}-{self.seed}"


def planned_runs(
    material: Material,
    recipes: Sequence[Recipe],
    *,
    seeds: Sequence[int] = (0,),
    levels: Sequence[int] | None = None,
    few_shot: FewShot | None = None,
) -> list[Planned]:
    """Give the runs of a sweep, seed by seed, and refuse what can be known to fail before any of them begins.

    Parameters
    ----------
    material, recipes, seeds, levels, few_shot
        See `oodml_bench.training.sweep`.

    Raises
    ------
    SplitError
        Where there is no such level, or it has no such episodes.
    RecipeError
        Where two recipes have one name, or one trains the network and the material is features.
    DatasetError
        Where the samples are not those of the benchmark.
    """
    _check_names(recipes)
    numbers = sorted(material.benchmark.levels) if levels is None else list(dict.fromkeys(levels))
    for number in numbers:
        material.level(number)
    if not isinstance(material.data, Dataset):
        _check_heads(recipes, material)
    adaptations = {recipe.name: _few_shot_of(recipe, few_shot) for recipe in recipes}
    planned = [
        Planned(level, recipe, seed, adaptations[recipe.name])
        for seed, recipe, level in product(dict.fromkeys(seeds), recipes, numbers)
    ]
    for run in planned:
        if run.few_shot is not None:
            run.few_shot.check(material.benchmark, run.level)
    return planned


def opened_from(material: Material) -> tuple[str, str]:
    """Give the file of the benchmark and the specification of the samples, for processes that open them anew.

    Raises
    ------
    RunError
        Where they were made in memory.
    """
    if material.benchmark_file is None or material.data_spec is None:
        raise RunError(
            "other processes open the benchmark and the samples by their paths, but these were made in memory: write "
            "them to files, and give Material.open the paths"
        )
    return material.benchmark_file, material.data_spec


def _check_names(recipes: Sequence[Recipe]) -> None:
    names = [recipe.name for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"two recipes have the name {twice[0]!r}, and results could not be told apart: rename one")


def _few_shot_of(recipe: Recipe, given: FewShot | None) -> FewShot | None:
    """Give the adaptation that was asked for, or else the recipe's own."""
    if given is not None or recipe.few_shot is None:
        return given
    own = recipe.few_shot
    return FewShot(own.shots, tuple(load_adaptation(name) for name in own.adaptations), own.episodes)


def _check_heads(recipes: Sequence[Recipe], material: Material) -> None:
    for recipe in recipes:
        if recipe.trains != "head":
            raise RecipeError(
                f"the recipe {recipe.name} trains the network, which needs pictures, but {material.data.name} is "
                'features. Give the dataset, or a recipe with trains = "head", such as head-margin.'
            )
