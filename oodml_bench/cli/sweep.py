"""`oodml-bench sweep`: recipes × levels × seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oodml_bench.cli.curves_table import show_scores
from oodml_bench.cli.echo import echo
from oodml_bench.cli.failures import show_failures
from oodml_bench.cli.few_shot_table import show_few_shot
from oodml_bench.cli.parameters import (
    LOCATION,
    CommaSeparated,
    address_option,
    device_option,
    engine_option,
    logger_option,
    workers_option,
)

if TYPE_CHECKING:
    from oodml_bench.training.material import Material
    from oodml_bench.training.planning import Planned
    from oodml_bench.training.recipe import Recipe


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("dataset")
@click.option(
    "--recipes",
    type=CommaSeparated(str),
    required=True,
    help="Names, TOML files or folders of them: margin,arcface; study.",
)
@click.option("--seeds", type=CommaSeparated(int, least=0), default="0", show_default=True)
@click.option("--levels", type=CommaSeparated(int), help="Level numbers, as 1,4,8.  [default: all]")
@click.option(
    "--out",
    type=LOCATION,
    help="Folder that gets a folder for each run.  [default: runs/NAME for NAME_splits.pkl]",
)
@device_option
@workers_option
@logger_option
@engine_option
@address_option
@click.option(
    "--gpus-per-run",
    type=click.FloatRange(min=0, max=1),
    help="GPUs of the Ray cluster for each run; 0.5: two share one.  [default: 1 where the cluster has GPUs]",
)
@click.option("--print-jobs", is_flag=True, help="Train nothing; print a command line for each run that is missing.")
def sweep(
    benchmark: Path,
    dataset: str,
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
    levels: tuple[int, ...] | None,
    out: Path | None,
    device: str,
    workers: int | None,
    loggers: tuple[str, ...],
    engine: str,
    address: str | None,
    gpus_per_run: float | None,
    print_jobs: bool,
) -> None:
    """Train several recipes on every level of BENCHMARK, with several seeds.

    A recipe with a table [few_shot] is adapted to few-shot episodes after each of its runs.

    The same command skips the runs that are finished and continues the one that was interrupted. A run that fails does
    not stop the others; failures are listed at the end, and the exit status is then 1. Several processes may share the
    work: the same command, started more than once, leaves each run to the process that is at it.

    With --engine ray the runs are done on a Ray cluster, as many at once as there is room for. Its machines all see
    BENCHMARK, DATASET and --out by the same paths. With --print-jobs, Slurm or another scheduler can do them.

    \b
    Example:
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes margin,arcface --seeds 0,1,2 --out runs/cub
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes study --seeds 0,1 --out runs/study
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes study --seeds 0,1 --out runs/study --engine ray --address auto
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes study --seeds 0,1 --out runs/study --print-jobs > jobs.sh
    """
    from oodml_bench.splits.files import name_of
    from oodml_bench.training.material import Material
    from oodml_bench.training.recipe_files import load_recipes

    if engine == "local" and (address is not None or gpus_per_run is not None):
        raise click.UsageError("--address and --gpus-per-run are about a Ray cluster: add --engine ray")
    folder = Path("runs") / name_of(benchmark) if out is None else out
    material = Material.open(benchmark, dataset)
    chosen = load_recipes(recipes, dataset=material.benchmark.name)
    planned: dict[str, Any] = {"seeds": seeds, "levels": levels}
    if print_jobs:
        _print_jobs(material, recipes, chosen, planned, folder, device, workers, loggers)
        return
    options: dict[str, Any] = {**planned, "out": folder, "device": device, "workers": workers, "loggers": loggers}
    if engine == "ray":
        from oodml_bench.scale.sweeping import sweep_on_ray

        done = sweep_on_ray(material, chosen, **options, address=address, gpus_per_run=gpus_per_run, progress=True)
    else:
        from oodml_bench.training.sweeping import sweep as run_sweep

        def announce(run: Planned) -> None:
            echo(f"{run.name}: {folder / run.name}", err=True)

        done = run_sweep(material, chosen, **options, on_start=announce, progress=True)
    counts = f"{done.finished} runs trained, {done.skipped} found finished, {len(done.failures)} failed"
    echo(counts, err=True)
    if done.rows:
        show_scores(done.rows, "recall@1", levels or tuple(material.benchmark.levels))
        show_few_shot(done.rows)
    echo(f"written: {folder}")
    show_failures(done.failures, done.held)


def _print_jobs(
    material: Material,
    names: Sequence[str],
    recipes: Sequence[Recipe],
    planned: Mapping[str, Any],
    out: Path,
    device: str,
    workers: int | None,
    loggers: Sequence[str],
) -> None:
    from oodml_bench.training.jobs import Jobs, job_file, recipe_sources
    from oodml_bench.training.planning import planned_runs

    runs = planned_runs(material, recipes, **planned)
    sources = {recipe.name: source for recipe, source in zip(recipes, recipe_sources(names), strict=True)}
    options = [] if device == "auto" else ["--device", device]
    options += [] if workers is None else ["--workers", str(workers)]
    jobs = Jobs(material, sources, out, options, [word for name in loggers for word in ("--logger", name)])
    for line in job_file(jobs.lines(runs), len(runs)):
        echo(line)
