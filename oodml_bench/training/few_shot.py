"""Few-shot adaptation of trained runs, over their episodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from oodml_bench.datasets import Dataset
from oodml_bench.errors import OodmlError, RecipeError, RunError
from oodml_bench.evaluation.results import RESULTS_NAME, ResultRow, read_results, write_results
from oodml_bench.features.loading import explained_loader_deaths
from oodml_bench.locations import location
from oodml_bench.locks import held
from oodml_bench.output import write_bytes
from oodml_bench.progress import progress_of
from oodml_bench.reading.cutting import quoted
from oodml_bench.reading.json_files import read_description
from oodml_bench.splits import Benchmark
from oodml_bench.training.adaptation import Adaptation
from oodml_bench.training.checkpoint import check_identity
from oodml_bench.training.embedder import BackboneSettings
from oodml_bench.training.episode_scoring import EpisodeScorer
from oodml_bench.training.episodes import episodes_of
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.run_folder import RunFolder, flat, id_of, identity_of
from oodml_bench.training.trained import Trained, material_of_run, places_of_run, take_best
from oodml_bench.training.trainer import Fitted

#: The folder of what is scored without adaptation.
AS_TRAINED = "as-trained"


@dataclass(frozen=True)
class FewShot:
    """What is adapted, and to how many samples.

    Attributes
    ----------
    shots
        Support samples a class; as the benchmark's episodes have them.
    adaptations
        Ways of adapting, with different names. Each episode is scored without any of them as well.
    episodes
        How many of the benchmark's episodes of each number of shots; None: all.

    Raises
    ------
    RecipeError
        Where two adaptations have one name, or one has the name of the folder of what is not adapted.
    """

    shots: tuple[int, ...]
    adaptations: tuple[Adaptation, ...]
    episodes: int | None = None

    def __post_init__(self) -> None:
        names = [AS_TRAINED, *(adaptation.name for adaptation in self.adaptations)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RecipeError(f"two adaptations have the name {twice[0]!r}, or it is taken: rename one")

    def check(self, benchmark: Benchmark, number: int) -> None:
        """Refuse a level that does not have such episodes.

        Raises
        ------
        SplitError
            Where it does not.
        """
        for shots in self.shots:
            episodes_of(benchmark, number, shots, self.episodes)

    def of(self, job: Job) -> list[tuple[int, int, Adaptation | None]]:
        """Give the shots, episodes and adaptations of a job, those without an adaptation first.

        Raises
        ------
        SplitError
            Where the benchmark does not have such episodes.
        """
        return [
            (shots, episode, adaptation)
            for shots in self.shots
            for adaptation in (None, *self.adaptations)
            for episode in episodes_of(job.material.benchmark, job.number, shots, self.episodes)
        ]


@dataclass(frozen=True)
class Adapted:
    """What the adaptation of several runs came to.

    Attributes
    ----------
    rows
        Results of the runs that were adapted, in the order of their folders.
    failures
        Folders of the runs that failed, with the reasons.
    """

    rows: tuple[ResultRow, ...] = field(repr=False)
    failures: dict[str, str]


def few_shot_rows(job: Job, fitted: Fitted, few_shot: FewShot) -> list[ResultRow]:
    """Score the episodes of a run in memory, by the selected weights, or the last where none were selected."""
    scorer = EpisodeScorer(job, take_best(job, fitted))
    return [row for planned in few_shot.of(job) for row in scorer.rows(*planned)]


@explained_loader_deaths()
def adapt_run(
    out: Path | str,
    few_shot: FewShot,
    *,
    material: Material | None = None,
    device: str = "auto",
    workers: int | None = None,
    backbone: Any = None,
    progress: bool = False,
) -> list[ResultRow]:
    """Score the episodes of a finished run before and after adaptation, and keep what was found in its folder.

    The selected weights are adapted, or the last where none were selected; the run itself is left as it is. Results
    are written after every episode, to `few_shot/2-shot/margin/results.jsonl`, and those without an adaptation to
    `few_shot/2-shot/as-trained/results.jsonl`. The same call again goes on with the episodes that are missing.

    Parameters
    ----------
    out
        The run's folder.
    few_shot
        Shots, episodes and adaptations.
    material, device, workers, backbone, progress
        As for `oodml_bench.evaluate_run`.

    Returns
    -------
    list of ResultRow
        Of all the episodes, also of those that had been finished before.

    Raises
    ------
    RunError
        Where the folder is no run's, its training is not finished, it has no checkpoint, or its results are of another
        adaptation of the same name.
    SplitError
        Where the benchmark does not have such episodes.
    DatasetError
        Where samples of an episode are missing, or a picture cannot be read. Finished episodes are kept.
    RecipeError, TrainingError
        Where an adaptation does not fit the run, or fails. Finished episodes are kept.
    LoaderError
        Where a loader process died. Finished episodes are kept.
    LockedError
        Where another process writes into the folder.
    """
    trained = Trained.open(
        out, material_of_run(out) if material is None else material, device=device, workers=workers, backbone=backbone
    )
    scorer = EpisodeScorer(trained.job, trained.take_best())
    planned = few_shot.of(trained.job)
    rows: list[ResultRow] = []
    with held(trained.folder.path), progress_of("Episodes", len(planned), shown=progress) as advance:
        for shots in few_shot.shots:
            for adaptation in (None, *few_shot.adaptations):
                kept = _Kept.begun(trained, scorer, shots, adaptation)
                for episode in [number for of, number, by in planned if (of, by) == (shots, adaptation)]:
                    rows += kept.of_episode(episode)
                    advance(1)
    return rows


def adapt_runs(
    folder: Path | str,
    few_shot: FewShot,
    *,
    benchmark: Path | str | None = None,
    data: Path | str | None = None,
    device: str = "auto",
    workers: int | None = None,
    on_start: Callable[[Path], None] = lambda _: None,
    progress: bool = False,
) -> Adapted:
    """Adapt all runs in a folder and below; see `adapt_run`. A run that fails does not stop the others.

    Parameters
    ----------
    folder
        A run's folder, or one that holds runs.
    few_shot, device, workers, progress
        As for `adapt_run`.
    benchmark, data
        Where the benchmark and the samples lie, if they were moved; see `material_of_run`.
    on_start
        Called with the folder of each run before it is opened.

    Raises
    ------
    RunError
        Where there is no run.
    """
    runs = _runs_in(folder)
    materials = _Materials(benchmark, data)
    backbone_of = lru_cache(maxsize=1)(BackboneSettings.load)
    rows: list[ResultRow] = []
    failures: dict[str, str] = {}
    for run in runs:
        on_start(run)
        try:
            material = materials.of(run)
            settings = BackboneSettings.model_validate(RunFolder(run).description()["recipe"]["backbone"])
            backbone = backbone_of(settings) if isinstance(material.data, Dataset) else None
            rows += adapt_run(
                run, few_shot, material=material, device=device, workers=workers, backbone=backbone, progress=progress
            )
        except OodmlError as error:
            failures[str(run)] = str(error)
        except Exception as error:
            failures[str(run)] = f"{type(error).__name__}: {error}"
    return Adapted(tuple(rows), failures)


def usual_adaptation(folder: Path | str) -> str:
    """Name the adaptation of the runs in a folder and below where none is asked for, by what the first one trains.

    Raises
    ------
    RunError
        Where there is no run.
    """
    recipe = RunFolder(_runs_in(folder)[0]).description()["recipe"]
    return "head-margin" if recipe.get("trains") == "head" else "margin"


def _runs_in(folder: Path | str) -> list[Path]:
    runs = [file.parent for file in sorted(location(folder).rglob("run.json"))]
    if not runs:
        raise RunError(f"there is no run in {folder} or below: no folder there holds a run.json")
    return runs


@dataclass(eq=False)
class _Materials:
    """Opens what runs were trained on, once for runs of the same."""

    benchmark: Path | str | None = None
    data: Path | str | None = None
    places: tuple[str | None, str | None] | None = None
    material: Material | None = None

    def of(self, run: Path) -> Material:
        places = places_of_run(run)
        if self.material is None or places != self.places:
            self.places = places
            self.material = material_of_run(run, benchmark=self.benchmark, data=self.data)
        return self.material


@dataclass(eq=False)
class _Kept:
    """The results of one adaptation at one number of shots, in their folder."""

    file: Path
    scorer: EpisodeScorer
    shots: int
    adaptation: Adaptation | None
    rows: dict[int, list[ResultRow]]

    @classmethod
    def begun(cls, trained: Trained, scorer: EpisodeScorer, shots: int, adaptation: Adaptation | None) -> _Kept:
        name = AS_TRAINED if adaptation is None else adaptation.name
        folder = trained.folder.few_shot_folder(shots, name)
        _take(folder / "adaptation.json", _description(trained, scorer, shots, adaptation))
        file = folder / RESULTS_NAME
        rows: dict[int, list[ResultRow]] = {}
        for row in read_results(file) if file.exists() else ():
            rows.setdefault(-1 if row.episode is None else row.episode, []).append(row)
        return cls(file, scorer, shots, adaptation, rows)

    def of_episode(self, episode: int) -> list[ResultRow]:
        """Give the rows of an episode; score it, and write them, where they are not there yet."""
        if episode not in self.rows:
            self.rows[episode] = self.scorer.rows(self.shots, episode, self.adaptation)
            write_results(self.file, [row for number in sorted(self.rows) for row in self.rows[number]])
        return self.rows[episode]


def _description(trained: Trained, scorer: EpisodeScorer, shots: int, adaptation: Adaptation | None) -> dict[str, Any]:
    selected = trained.fitted.selected
    return {
        "run": id_of(identity_of(trained.job.description())),
        "weights": scorer.weights,
        "epoch": len(trained.fitted.history) if selected is None else selected.epoch,
        "shots": shots,
        "adaptation": None if adaptation is None else adaptation.at(shots).as_dict(),
    }


def _take(file: Path, description: Mapping[str, Any]) -> None:
    """Take a folder for an adaptation, or go on with the same adaptation."""
    if not file.exists():
        write_bytes(file, (json.dumps(description, ensure_ascii=False, indent=1) + "\n").encode())
        return
    try:
        found = read_description(file)
        check_identity(f"the results in {file.parent}", flat(found), flat(description))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise RunError(
            f"{file} is not the description of an adaptation: {quoted(error)}. Delete its folder."
        ) from error
