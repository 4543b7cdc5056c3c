"""A trained run, opened again from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oodml_bench.errors import RunError
from oodml_bench.evaluation.results import Weights
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.devices import choose_device
from oodml_bench.locations import location
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import parse_recipe
from oodml_bench.training.run_folder import RunFolder, identity_of
from oodml_bench.training.trainer import EpochRecord, Fitted, Selected


@dataclass(frozen=True, eq=False)
class Trained:
    """A run whose training is finished.

    Attributes
    ----------
    folder
        Where it lies.
    job
        What was trained; its embedder holds the last weights.
    fitted
        What training led to.
    """

    folder: RunFolder
    job: Job
    fitted: Fitted

    @classmethod
    def open(
        cls,
        out: Path | str,
        material: Material,
        *,
        device: str = "auto",
        workers: int | None = None,
        backbone: Backbone | None = None,
    ) -> Trained:
        """Open a run.

        Parameters
        ----------
        out
            The run's folder.
        material
            What it was trained on; see `material_of_run`.
        device, workers, backbone
            As for `oodml_bench.train_run`.

        Raises
        ------
        RunError
            Where the folder is no run's, its training is not finished, it has no checkpoint, or the material is not
            what it was trained on.
        """
        folder = RunFolder(location(out))
        description = folder.description()
        job = Job.prepared(
            material,
            description["level"],
            parse_recipe(description["recipe"], str(folder.description_file)),
            description["seed"],
            device=choose_device(device),
            workers=workers,
            backbone=backbone,
        )
        folder.begin(job.description())
        return cls(folder, job, _fitted(job, folder))

    def take_best(self) -> Weights:
        """Let the embedder hold the selected weights, or the last where none were selected; give their name."""
        return take_best(self.job, self.fitted)


def take_best(job: Job, fitted: Fitted) -> Weights:
    """Let a job's embedder hold the selected weights, or the last where none were selected; give their name."""
    if fitted.selected is None:
        return "last"
    job.embedder.load_state_dict(fitted.selected.weights)
    return "selected"


def material_of_run(
    out: Path | str, *, benchmark: Path | str | None = None, data: Path | str | None = None
) -> Material:
    """Open the benchmark and the samples that a run was trained on.

    Parameters
    ----------
    out
        The run's folder.
    benchmark, data
        Where they lie now; None: where `run.json` says.

    Raises
    ------
    RunError
        Where the folder is no run's, or does not say where they lie.
    BenchmarkFileError, DatasetError, FeatureError
        Where they cannot be opened there.
    """
    benchmark_there, data_there = places_of_run(out)
    benchmark, data = benchmark or benchmark_there, data or data_there
    if benchmark is None or data is None:
        raise RunError(
            f"{RunFolder(location(out)).description_file} does not say where its benchmark and its dataset lie, since "
            "they were given as objects in memory. Give both."
        )
    return Material.open(benchmark, data)


def places_of_run(out: Path | str) -> tuple[str | None, str | None]:
    """Give where a run's `run.json` says that its benchmark and its samples lie; None where they were in memory.

    Raises
    ------
    RunError
        Where the folder is no run's.
    """
    description = RunFolder(location(out)).description()
    return description["benchmark"].get("file"), description["dataset"].get("spec")


def _fitted(job: Job, folder: RunFolder) -> Fitted:
    """Load a finished training from its checkpoint; the embedder gets the last weights."""
    state = CheckpointFile(folder.checkpoint_file, identity_of(job.description())).read()
    if state is None:
        raise RunError(
            f"the run {folder.path} has no {folder.checkpoint_file.name}: it was deleted, or no epoch was finished. "
            "Run the same train command again, then this."
        )
    epochs, done = job.recipe.training.epochs, len(state["history"])
    if done < epochs:
        raise RunError(
            f"the run {folder.path} has finished {done} of {epochs} epochs. Run the same train command again to "
            "continue it, then this."
        )
    job.embedder.load_state_dict(state["model"])
    selected = None if state["selected"] is None else Selected(**state["selected"])
    return Fitted(tuple(EpochRecord(**record) for record in state["history"]), selected)
