"""Sweeps on a Ray cluster: a run is a task."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from oodml_bench.datasets import Dataset
from oodml_bench.errors import DatasetError, StorageError
from oodml_bench.evaluation.metrics import checked_metrics
from oodml_bench.locations import check_shared
from oodml_bench.printing import printable
from oodml_bench.scale.cluster import connected
from oodml_bench.scale.live_table import Show, Status, live_table
from oodml_bench.scale.run_needs import RunNeeds, machines_of_cluster
from oodml_bench.training.few_shot import FewShot
from oodml_bench.training.logs import check_loggers
from oodml_bench.training.material import Material
from oodml_bench.training.planning import Planned, opened_from, planned_runs
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.run_folder import RunFolder
from oodml_bench.training.sweeping import Outcome, Runner, Sweep

#: How often a run is given to another process, where the one that was at it died or its machine was lost.
MOST_RETRIES = 5

#: Seconds between two looks at what the runs are doing.
_INTERVAL = 1.0

#: Seconds that a run which begins again waits for the process of its first beginning to let go of its folder.
_PATIENCE = 60.0


def sweep_on_ray(
    material: Material,
    recipes: Sequence[Recipe],
    *,
    out: Path,
    address: str | None = None,
    gpus_per_run: float | None = None,
    seeds: Sequence[int] = (0,),
    levels: Sequence[int] | None = None,
    device: str = "auto",
    workers: int | None = None,
    loggers: Sequence[str] = (),
    metrics: Sequence[str] | None = None,
    few_shot: FewShot | None = None,
    progress: bool = False,
) -> Sweep:
    """Do what `oodml_bench.training.sweep` does, with as many runs at once as a Ray cluster has room for.

    Runs are the same, and so are their folders: a sweep that was begun by one of the two is continued by the other.
    A run whose process or machine is lost goes on from its checkpoint in another process; a run that fails is not
    repeated. What ends this process ends its runs, and the same call continues them.

    Parameters
    ----------
    material
        Opened by paths that lead to the same files on every machine; each machine opens and checks them itself.
    recipes, seeds, levels, device, loggers, metrics, few_shot
        See `oodml_bench.training.sweep`. `auto` is the CPU for runs that are given no GPU.
    out
        Folder that gets a folder for each run, on storage that every machine sees.
    address
        See `oodml_bench.scale.cluster.connected`.
    gpus_per_run
        GPUs that a run is given; below 1: several share one. None: see `oodml_bench.scale.run_needs.RunNeeds`.
    workers
        Loader processes of a run, each on a CPU of its own. None: as many as the run's share of a machine's CPUs.
    progress
        Show a table of the runs on standard error, or a line for each change where that is no terminal.

    Raises
    ------
    SplitError, RecipeError, DatasetError, InputError
        As `oodml_bench.training.sweep` does.
    RunError
        Where the material was made in memory, or a logger is unknown.
    MissingExtraError
        Where Ray, or a logger's package, is not installed.
    ClusterError
        Where there is no such cluster.
    """
    planned = planned_runs(material, recipes, seeds=seeds, levels=levels, few_shot=few_shot)
    checked_metrics(metrics)
    check_loggers(loggers)
    check_shared(out)
    source = _Source.of(material)
    with connected(address):
        needs = RunNeeds.on_cluster(gpus_per_run, workers, device)
        order = _Order(
            source,
            out.absolute(),
            needs.device,
            needs.workers,
            tuple(loggers),
            None if metrics is None else tuple(metrics),
        )
        if progress and not any(needs.fit_on(machine) for machine in machines_of_cluster()):
            message = f"No machine has {needs.gpus:g} GPUs and {needs.cpus} CPUs: runs wait for one."
            print(printable(message), file=sys.stderr)
        watched = _Watched(order, planned, _board())
        with live_table(watched.epoch_of, shown=progress) as show:
            watched.run(planned, needs, show)
            # What another process had when its turn came may be finished by now.
            watched.run([run for run in planned if watched.outcomes[run.name].holder is not None], needs, show)
    return Sweep.of(planned, watched.outcomes)


@dataclass(frozen=True)
class _Source:
    """What every machine opens by itself, and what it must find there."""

    benchmark_file: str
    data_spec: str
    benchmark_digest: str
    fingerprint: str | None
    feature_digest: str | None

    @classmethod
    def of(cls, material: Material) -> _Source:
        digest = None if isinstance(material.data, Dataset) else material.feature_digest
        return cls(*opened_from(material), material.benchmark_digest, material.samples.fingerprint, digest)

    def opened(self) -> Material:
        material = Material.open(self.benchmark_file, self.data_spec)
        if (found := _Source.of(material)) != self:
            differing = [name for name, value in vars(self).items() if getattr(found, name) != value]
            raise DatasetError(
                f"{self.benchmark_file} and {self.data_spec} are not the same on {socket.gethostname()} as where the "
                f"sweep was started ({', '.join(differing)} differ): give paths on storage that all machines share"
            )
        return material


@dataclass(frozen=True)
class _Order:
    """What all runs of a sweep have in common; small, since it is sent with each of them."""

    source: _Source
    out: Path
    device: str
    workers: int
    loggers: tuple[str, ...]
    metrics: tuple[str, ...] | None


@lru_cache(maxsize=1)
def _runner_of(order: _Order) -> Runner:
    """Open what the runs are about, once for all the runs of a process."""
    material = order.source.opened()
    return Runner(material, order.out, order.device, order.workers, order.loggers, order.metrics)


class _Board:
    """Where the processes of the runs say that they begin, and on which machine."""

    def __init__(self) -> None:
        self._begun: dict[str, list[str]] = {}

    def begin(self, name: str, node: str) -> bool:
        """Take down that a run begins; say whether it had begun before."""
        self._begun.setdefault(name, []).append(node)
        return len(self._begun[name]) > 1

    def nodes(self) -> dict[str, str]:
        """Give the machine that each run began on last."""
        return {name: nodes[-1] for name, nodes in self._begun.items()}


def _board() -> Any:
    """Start a board on the machine of this process, which nobody needs it longer than."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(_Board).options(num_cpus=0, scheduling_strategy=here).remote()


def _done(order: _Order, run: Planned, board: Any) -> Outcome:
    """Do a run: the task."""
    import ray

    node = f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:6]})"
    again = ray.get(board.begin.remote(run.name, node))
    try:
        runner = _runner_of(order)
    except Exception as error:
        return Outcome.without_results(error)
    patience = time.monotonic() + (_PATIENCE if again else 0)
    while (outcome := runner.outcome_of(run)).holder is not None and time.monotonic() < patience:
        time.sleep(_INTERVAL)
    return outcome


@dataclass(eq=False)
class _Watched:
    """The runs of a sweep while they are done."""

    order: _Order
    planned: Sequence[Planned]
    board: Any
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def run(self, runs: Sequence[Planned], needs: RunNeeds, show: Show) -> None:
        """Do runs on the cluster, and wait for them."""
        import ray

        task = ray.remote(_done).options(max_retries=MOST_RETRIES, **needs.options)
        for run in runs:
            self.outcomes.pop(run.name, None)
        with _cancelled_at_the_end({task.remote(self.order, run, self.board): run.name for run in runs}) as pending:
            while pending:
                ended, _ = ray.wait(list(pending), num_returns=len(pending), timeout=_INTERVAL)
                for reference in ended:
                    self.outcomes[pending.pop(reference)] = _outcome_in(reference)
                show(self.statuses())

    def statuses(self) -> Mapping[str, Status]:
        import ray

        nodes = ray.get(self.board.nodes.remote())
        return {run.name: _status(self.outcomes.get(run.name), nodes.get(run.name, "")) for run in self.planned}

    def epoch_of(self, name: str) -> str:
        """Say how many epochs of a run are done, by what its folder tells."""
        try:
            done = len(RunFolder(self.order.out / name).metrics_file.read_text(encoding="utf-8").splitlines())
        except (OSError, StorageError):
            done = 0
        epochs = next(run.recipe.training.epochs for run in self.planned if run.name == name)
        return f"{done} of {epochs}"


@contextmanager
def _cancelled_at_the_end(pending: dict[Any, str]) -> Iterator[dict[Any, str]]:
    """Give tasks, and end those that are pending still when the block ends, as by Ctrl-C.

    Their processes are killed: a run can be continued from any moment, and one that is killed holds no folder.
    """
    import ray

    try:
        yield pending
    finally:
        for reference in pending:
            ray.cancel(reference, force=True)


def _outcome_in(reference: Any) -> Outcome:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        outcome: Outcome = ray.get(reference)
    except RayTaskError as error:
        # Where a machine lacks this package, for instance: what happens in a run is its outcome.
        return Outcome(failure=f"{type(error.cause).__name__}: {error.cause}")
    except RayError as error:
        return Outcome(failure=f"it was lost {MOST_RETRIES + 1} times: {type(error).__name__}: {error}")
    return outcome


def _status(outcome: Outcome | None, node: str) -> Status:
    if outcome is None:
        return Status("running" if node else "waiting", node)
    if outcome.failure is not None:
        return Status("failed", node, outcome.failure)
    return Status("finished", node) if outcome.holder is None else Status("held", node, outcome.holder)
