"""Many runs: every recipe on every level with every seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from oodml_bench.datasets import Dataset
from oodml_bench.errors import OodmlError, RecipeError
from oodml_bench.evaluation.metrics import checked_metrics
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.progress import progress_of
from oodml_bench.training.embedder import BackboneSettings
from oodml_bench.training.few_shot import FewShot, adapt_run
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.recipe_files import load_adaptation
from oodml_bench.training.running import head_run, train_run


@dataclass(frozen=True)
class Planned:
    """One run of a sweep.

    Attributes
    ----------
    level, recipe, seed
        What is trained where, with which seed.
    """

    level: int
    recipe: Recipe
    seed: int

    @property
    def name(self) -> str:
        """Name of the run and of its folder."""
        return f"{self.recipe.name}-{self.level}-{self.seed}"


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to.

    Attributes
    ----------
    rows
        Results of the runs that finished, in the order of the runs.
    finished
        Number of runs that this call trained.
    skipped
        Number of runs that had been finished before.
    failures
        Names of the runs that failed, with the reasons.
    """

    rows: tuple[ResultRow, ...] = field(repr=False)
    finished: int
    skipped: int
    failures: dict[str, str]


def sweep(
    material: Material,
    recipes: Sequence[Recipe],
    *,
    seeds: Sequence[int] = (0,),
    levels: Sequence[int] | None = None,
    out: Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    loggers: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    few_shot: FewShot | None = None,
    on_start: Callable[[Planned], None] = lambda _: None,
    progress: bool = False,
) -> Sweep:
    """Train every recipe on every level with every seed; seed by seed, so that whole curves are there early.

    The same call again skips the runs that are finished and continues one that was interrupted. A run that fails does
    not stop the others.

    Parameters
    ----------
    material
        The benchmark and its dataset, or features of it for recipes that train a head alone.
    recipes
        With different names.
    seeds
        Of the runs.
    levels
        Numbers of levels; all unless given.
    out
        Folder that gets a folder for each run, see `train_run`; None keeps the results of heads trained on features in
        memory alone.
    device, workers, loggers, metrics
        See `train_run`.
    few_shot
        Adaptation that follows each run; None: what its recipe says, if anything.
    on_start
        Called with each run before it begins.
    progress
        Show progress on standard error.

    Raises
    ------
    SplitError
        Where there is no such level, or it has no such episodes.
    RecipeError
        Where two recipes have one name, or `out` is None and a recipe does not train a head on features.
    DatasetError
        Where the samples are not those of the benchmark.
    InputError
        Where a metric is unknown.
    """
    planned = _planned(material, recipes, seeds, levels)
    checked_metrics(metrics)
    if out is None and isinstance(material.data, Dataset):
        raise RecipeError("runs on pictures take long and are kept in a folder: name one as `out`")
    if not isinstance(material.data, Dataset):
        _check_heads(recipes, material)
    adaptations = {recipe.name: _few_shot_of(recipe, few_shot) for recipe in recipes}
    for run in planned:
        if (chosen := adaptations[run.recipe.name]) is not None:
            chosen.check(material.benchmark, run.level)
    backbone_of = lru_cache(maxsize=1)(BackboneSettings.load)
    rows: list[ResultRow] = []
    failures: dict[str, str] = {}
    skipped = 0
    with progress_of("Runs", len(planned), shown=progress) as advance:
        for run in planned:
            on_start(run)
            adaptation = adaptations[run.recipe.name]
            try:
                if out is None:
                    options: dict[str, Any] = {"level": run.level, "recipe": run.recipe, "seed": run.seed}
                    rows += head_run(material, **options, device=device, metrics=metrics, few_shot=adaptation)
                else:
                    backbone = backbone_of(run.recipe.backbone) if isinstance(material.data, Dataset) else None
                    done = train_run(
                        material,
                        level=run.level,
                        recipe=run.recipe,
                        seed=run.seed,
                        out=out / run.name,
                        device=device,
                        workers=workers,
                        backbone=backbone,
                        loggers=loggers,
                        metrics=metrics,
                    )
                    skipped += done.finished_before
                    rows += done.rows
                    if adaptation is not None:
                        rows += adapt_run(
                            out / run.name,
                            adaptation,
                            material=material,
                            device=device,
                            workers=workers,
                            backbone=backbone,
                        )
            except OodmlError as error:
                failures[run.name] = str(error)
            except Exception as error:
                failures[run.name] = f"{type(error).__name__}: {error}"
            advance(1)
    return Sweep(tuple(rows), len(planned) - skipped - len(failures), skipped, failures)


def _few_shot_of(recipe: Recipe, given: FewShot | None) -> FewShot | None:
    """Give the adaptation that was asked for, or else the recipe's own."""
    if given is not None or recipe.few_shot is None:
        return given
    own = recipe.few_shot
    return FewShot(own.shots, tuple(load_adaptation(name) for name in own.adaptations), own.episodes)


def _planned(
    material: Material, recipes: Sequence[Recipe], seeds: Sequence[int], levels: Sequence[int] | None
) -> list[Planned]:
    names = [recipe.name for recipe in recipes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"two recipes have the name {twice[0]!r}, and results could not be told apart: rename one")
    numbers = sorted(material.benchmark.levels) if levels is None else list(dict.fromkeys(levels))
    for number in numbers:
        material.level(number)
    return [Planned(level, recipe, seed) for seed, recipe, level in product(dict.fromkeys(seeds), recipes, numbers)]


def _check_heads(recipes: Sequence[Recipe], material: Material) -> None:
    for recipe in recipes:
        if recipe.trains != "head":
            raise RecipeError(
                f"the recipe {recipe.name} trains the network, which needs pictures, but {material.data.name} is "
                'features. Give the dataset, or a recipe with trains = "head", such as head-margin.'
            )
