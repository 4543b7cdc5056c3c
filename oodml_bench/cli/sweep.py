"""`oodml-bench sweep`: recipes × levels × seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.curves_table import show_scores
from oodml_bench.cli.failures import show_failures
from oodml_bench.cli.few_shot_table import show_few_shot
from oodml_bench.cli.parameters import CommaSeparated, device_option, logger_option, workers_option

if TYPE_CHECKING:
    from oodml_bench.training.sweeping import Planned


@click.command()
@click.argument("benchmark", type=click.Path(path_type=Path))
@click.argument("dataset")
@click.option(
    "--recipes",
    type=CommaSeparated(str),
    required=True,
    help="Names, TOML files or folders of them: margin,arcface; study.",
)
@click.option("--seeds", type=CommaSeparated(int, least=0), default="0", show_default=True)
@click.option("--levels", type=CommaSeparated(int), help="Level numbers, as 1,4,8.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder that gets a folder for each run.")
@device_option
@workers_option
@logger_option
def sweep(
    benchmark: Path,
    dataset: str,
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
    levels: tuple[int, ...] | None,
    out: Path,
    device: str,
    workers: int | None,
    loggers: tuple[str, ...],
) -> None:
    """Train several recipes on every level of BENCHMARK, with several seeds.

    A recipe with a table [few_shot] is adapted to few-shot episodes after each of its runs.

    The same command skips the runs that are finished and continues the one that was interrupted. A run that fails does
    not stop the others; failures are listed at the end, and the exit status is then 1.

    \b
    Example:
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes margin,arcface --seeds 0,1,2 --out runs/cub
      oodml-bench sweep datasplits/cub200_splits.pkl cub200:/data/cub200 \\
          --recipes study --seeds 0,1 --out runs/study
    """
    from oodml_bench.training.material import Material
    from oodml_bench.training.recipe_files import load_recipes
    from oodml_bench.training.sweeping import sweep as run_sweep

    material = Material.open(benchmark, dataset)
    chosen = load_recipes(recipes, dataset=material.benchmark.name)

    def announce(run: Planned) -> None:
        click.echo(f"{run.name}: {out / run.name}", err=True)

    done = run_sweep(
        material,
        chosen,
        seeds=seeds,
        levels=levels,
        out=out,
        device=device,
        workers=workers,
        loggers=loggers,
        on_start=announce,
        progress=True,
    )
    counts = f"{done.finished} runs trained, {done.skipped} found finished, {len(done.failures)} failed"
    click.echo(counts, err=True)
    if done.rows:
        show_scores(done.rows, "recall@1", levels or tuple(material.benchmark.levels))
        show_few_shot(done.rows)
    click.echo(f"written: {out}")
    show_failures(done.failures)
