"""Training runs from beginning to end: into a folder, or in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oodml_bench.evaluation.metrics import checked_metrics
from oodml_bench.evaluation.results import ResultRow, read_results, write_results
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.devices import choose_device
from oodml_bench.features.loading import explained_loader_deaths
from oodml_bench.locations import location
from oodml_bench.locks import held
from oodml_bench.progress import working_on
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.few_shot import FewShot, few_shot_rows
from oodml_bench.training.job import Job
from oodml_bench.training.logs import RunLogger, check_loggers, opened_loggers
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.run_folder import RunFolder, id_of, identity_of
from oodml_bench.training.trained import Trained, material_of_run
from oodml_bench.training.trainer import EpochRecord


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder
        Where it is kept.
    rows
        Its results.
    finished_before
        Whether it had been finished before this call, which then did nothing.
    """

    folder: Path
    rows: tuple[ResultRow, ...] = field(repr=False)
    finished_before: bool


@explained_loader_deaths()
def train_run(
    material: Material,
    *,
    level: int,
    recipe: Recipe,
    seed: int,
    out: Path | str,
    device: str = "auto",
    workers: int | None = None,
    backbone: Backbone | None = None,
    loggers: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    progress: bool = False,
) -> Run:
    """Train by a recipe on a level, score the test classes, and keep all of it in a folder.

    The same call continues a run that was stopped at any moment, and does nothing where it is finished. The folder
    holds `run.json` (what is trained on what, written first), `metrics.jsonl` (a line an epoch), `checkpoint.pt` and
    `results.jsonl` (written last).

    Parameters
    ----------
    material
        The benchmark and its dataset, or features of it for recipes that train a head alone.
    level
        Number of the level.
    recipe
        How to train; see `oodml_bench.training.recipe_files.load_recipe`.
    seed
        Of the embedding layer, the objective, batches, augmentation and miners.
    out
        The run's folder: new, empty, or the one of the same run.
    device
        See `oodml_bench.features.devices.choose_device`.
    workers
        Loader processes; None: see `default_workers`. 0 loads in this process. Changes nothing about what is learned.
    backbone
        The recipe's backbone, where it is loaded already; it is left as it is.
    loggers
        Any of `tensorboard` and `wandb`, besides `metrics.jsonl`.
    metrics
        What to score; None: all metrics.
    progress
        Show progress on standard error.

    Returns
    -------
    Run

    Raises
    ------
    SplitError
        Where there is no such level, or it has no validation classes and the recipe needs them.
    DatasetError
        Where the samples are not those of the benchmark, or a picture cannot be read.
    RecipeError
        Where the recipe does not fit the samples.
    BackboneError, WeightsUnavailableError, MissingExtraError
        Where the backbone, the device, the precision or a logger cannot be used.
    RunError, OutputExistsError
        Where the folder is of another run, or of no run, or a logger is unknown.
    InputError
        Where a metric is unknown.
    TrainingError
        Where a loss is not finite, or the GPU's memory is full. The last finished epoch is kept.
    LoaderError
        Where a loader process died. The last finished epoch is kept.
    OutputError
        Where the folder cannot be written or is full.
    LockedError
        Where another process writes into the folder.
    """
    check_loggers(loggers)
    checked_metrics(metrics)
    with working_on("Loading what is trained on what", shown=progress):
        job = Job.prepared(
            material, level, recipe, seed, device=choose_device(device), workers=workers, backbone=backbone
        )
    folder, description = RunFolder(location(out)), job.description()
    if folder.finished:
        # Nothing is written, so that nobody has to be kept away.
        folder.begin(description)
        return Run(folder.path, tuple(read_results(folder.results_file)), finished_before=True)
    with held(folder.path):
        folder.begin(description)
        rows = _trained_rows(job, folder, description, loggers, metrics, progress=progress)
    return Run(folder.path, tuple(rows), finished_before=False)


def _trained_rows(
    job: Job,
    folder: RunFolder,
    description: Mapping[str, Any],
    loggers: Sequence[str],
    metrics: Sequence[str] | None,
    *,
    progress: bool,
) -> list[ResultRow]:
    """Train from where the folder's checkpoint is, and write what came of it."""
    identity = identity_of(description)
    with opened_loggers(loggers, folder.path, {"id": id_of(identity), **description}) as opened:
        fitted = job.fit(CheckpointFile(folder.checkpoint_file, identity), _watching(folder, opened), progress=progress)
    folder.write_metrics(fitted.history)
    with working_on("Scoring the test classes", shown=progress):
        rows = job.rows(fitted, metrics)
    write_results(folder.results_file, rows)
    return rows


def _watching(folder: RunFolder, loggers: Sequence[RunLogger]) -> Callable[[Sequence[EpochRecord]], None]:
    def watch(history: Sequence[EpochRecord]) -> None:
        folder.write_metrics(history)
        for logger in loggers:
            logger.log(history[-1])

    return watch


@explained_loader_deaths()
def evaluate_run(
    out: Path | str,
    *,
    material: Material | None = None,
    device: str = "auto",
    workers: int | None = None,
    backbone: Backbone | None = None,
    metrics: Sequence[str] | None = None,
    progress: bool = False,
) -> Run:
    """Score the weights in a run's checkpoint anew, and replace its results; with `metrics`, those of these metrics.

    Parameters
    ----------
    out
        Folder of a run whose training is finished.
    material
        The benchmark and its samples; None: opened where `run.json` says they lie.
    device, workers, backbone, metrics, progress
        As for `train_run`.

    Raises
    ------
    RunError
        Where the folder is no run's, its training is not finished, or the material is not what it was trained on.
    LockedError
        Where another process writes into the folder.
    """
    with working_on("Loading the run and what it was trained on", shown=progress):
        given = material_of_run(out) if material is None else material
        trained = Trained.open(out, given, device=device, workers=workers, backbone=backbone)
    with working_on("Scoring the test classes", shown=progress):
        rows = trained.job.rows(trained.fitted, metrics)
    folder = trained.folder
    with held(folder.path):
        if metrics is not None and folder.finished:
            # Other metrics stay as they were.
            rows = _merged(read_results(folder.results_file), rows)
        write_results(folder.results_file, rows)
    return Run(folder.path, tuple(rows), finished_before=False)


def _merged(old: Sequence[ResultRow], new: Sequence[ResultRow]) -> list[ResultRow]:
    """Replace rows of the same keys, and add the others at the end."""
    by_key = {row.key: row for row in old} | {row.key: row for row in new}
    return list(by_key.values())


def head_run(
    material: Material,
    *,
    level: int,
    recipe: Recipe,
    seed: int,
    device: str = "cpu",
    metrics: Sequence[str] | None = None,
    few_shot: FewShot | None = None,
) -> list[ResultRow]:
    """Train an embedding layer on stored features, in memory, and score it: what takes minutes as a run takes a second.

    Parameters
    ----------
    material
        The benchmark and features.
    level, recipe, seed, device, metrics
        As for `train_run`; the recipe trains a head.
    few_shot
        Adaptation that follows.

    Raises
    ------
    RecipeError, SplitError, DatasetError, TrainingError
        As `train_run` does.
    """
    job = Job.prepared(material, level, recipe, seed, device=choose_device(device))
    fitted = job.fit()
    rows = job.rows(fitted, metrics)
    return rows if few_shot is None else [*rows, *few_shot_rows(job, fitted, few_shot)]
