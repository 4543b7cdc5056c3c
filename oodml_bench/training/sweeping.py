"""Many runs: every recipe on every level with every seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from oodml_bench.datasets import Dataset
from oodml_bench.errors import LockedError, OodmlError, RecipeError
from oodml_bench.evaluation.metrics import checked_metrics
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.features.backbones import Backbone
from oodml_bench.progress import progress_of
from oodml_bench.training.embedder import BackboneSettings
from oodml_bench.training.few_shot import FewShot, adapt_run
from oodml_bench.training.material import Material
from oodml_bench.training.planning import Planned, planned_runs
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.running import head_run, train_run


@dataclass(frozen=True)
class Outcome:
    """What came of one run: results, or why there are none.

    Attributes
    ----------
    rows
        Its results, those of its adaptation last.
    finished_before
        Whether it had been finished before.
    failure
        Why it failed; None: it did not.
    holder
        That another process was at it, and which; None: none was.
    """

    rows: tuple[ResultRow, ...] = field(default=(), repr=False)
    finished_before: bool = False
    failure: str | None = None
    holder: str | None = None

    @classmethod
    def without_results(cls, error: Exception) -> Outcome:
        """Give the outcome of a run that this error ended."""
        if isinstance(error, LockedError):
            return cls(holder=str(error))
        return cls(failure=str(error) if isinstance(error, OodmlError) else f"{type(error).__name__}: {error}")

    @property
    def finished(self) -> bool:
        """Whether the results are there."""
        return self.failure is None and self.holder is None


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
    held
        Names of the runs that another process was at, with who that is.
    """

    rows: tuple[ResultRow, ...] = field(repr=False)
    finished: int
    skipped: int
    failures: dict[str, str]
    held: dict[str, str]

    @classmethod
    def of(cls, planned: Sequence[Planned], outcomes: Mapping[str, Outcome]) -> Sweep:
        """Put together what came of the runs, by their names, in whatever order they ended."""
        all_of = {run.name: outcomes[run.name] for run in planned}
        done = [outcome for outcome in all_of.values() if outcome.finished]
        skipped = sum(outcome.finished_before for outcome in done)
        return cls(
            tuple(row for outcome in done for row in outcome.rows),
            len(done) - skipped,
            skipped,
            {name: outcome.failure for name, outcome in all_of.items() if outcome.failure is not None},
            {name: outcome.holder for name, outcome in all_of.items() if outcome.holder is not None},
        )


@dataclass(frozen=True, eq=False)
class Runner:
    """Does planned runs, on whatever machine it is made.

    Attributes
    ----------
    material, out, device, workers, loggers, metrics
        See `sweep`.
    """

    material: Material
    out: Path | None = None
    device: str = "auto"
    workers: int | None = None
    loggers: Sequence[str] = ()
    metrics: Sequence[str] | None = None
    _backbone_of: Callable[[BackboneSettings], Backbone] = field(
        default_factory=lambda: lru_cache(maxsize=1)(BackboneSettings.load), init=False, repr=False
    )

    def outcome_of(self, run: Planned) -> Outcome:
        """Train and adapt, and give what comes of it, whatever that is."""
        try:
            return self._in_memory(run) if self.out is None else self._kept(run, self.out / run.name)
        except Exception as error:
            return Outcome.without_results(error)

    def _kept(self, run: Planned, folder: Path) -> Outcome:
        backbone = self._backbone_of(run.recipe.backbone) if isinstance(self.material.data, Dataset) else None
        common: dict[str, Any] = {
            "material": self.material,
            "device": self.device,
            "workers": self.workers,
            "backbone": backbone,
        }
        done = train_run(
            level=run.level,
            recipe=run.recipe,
            seed=run.seed,
            out=folder,
            loggers=self.loggers,
            metrics=self.metrics,
            **common,
        )
        adapted = [] if run.few_shot is None else adapt_run(folder, run.few_shot, **common)
        return Outcome((*done.rows, *adapted), done.finished_before)

    def _in_memory(self, run: Planned) -> Outcome:
        rows = head_run(
            self.material,
            level=run.level,
            recipe=run.recipe,
            seed=run.seed,
            device=self.device,
            metrics=self.metrics,
            few_shot=run.few_shot,
        )
        return Outcome(tuple(rows))


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
    not stop the others. Several processes may share the work of one folder: a run that another one is at is left to it.

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
    planned = planned_runs(material, recipes, seeds=seeds, levels=levels, few_shot=few_shot)
    checked_metrics(metrics)
    if out is None and isinstance(material.data, Dataset):
        raise RecipeError("runs on pictures take long and are kept in a folder: name one as `out`")
    runner = Runner(material, out, device, workers, loggers, metrics)
    outcomes: dict[str, Outcome] = {}
    with progress_of("Runs", len(planned), shown=progress) as advance:
        for run in planned:
            on_start(run)
            outcomes[run.name] = runner.outcome_of(run)
            advance(1)
    for run in planned:
        # What another process had when its turn came may be finished by now.
        if outcomes[run.name].holder is not None:
            outcomes[run.name] = runner.outcome_of(run)
    return Sweep.of(planned, outcomes)
