"""`oodml-bench train` and `oodml-bench evaluate`: one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, CommaSeparated, device_option, logger_option, workers_option
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.evaluation.results import ResultRow


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("dataset")
@click.option("--level", type=int, required=True, help="Number of the level to train and score on.")
@click.option("--recipe", required=True, help="A bundled recipe by name (see baselines/), or a TOML file.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--out", type=LOCATION, required=True, help="Folder of the run.")
@device_option
@workers_option
@logger_option
def train(
    benchmark: Path,
    dataset: str,
    level: int,
    recipe: str,
    seed: int,
    out: Path,
    device: str,
    workers: int | None,
    loggers: tuple[str, ...],
) -> None:
    """Train an embedding on one level of BENCHMARK, and score it on the level's test classes.

    DATASET is what `extract` takes, such as cub200:/data/cub200; or features, for recipes that train a head alone. The
    same command continues a run that was interrupted. Weights are selected by the level's validation classes, never by
    its test classes; both the last and the selected weights are scored.

    \b
    Example:
      oodml-bench train datasplits/cub200_splits.pkl cub200:/data/cub200 --level 3 \\
          --recipe multisimilarity --seed 0 --out runs/ms-3-0
    """
    from oodml_bench.training.material import Material
    from oodml_bench.training.recipe_files import load_recipe
    from oodml_bench.training.running import train_run

    material = Material.open(benchmark, dataset)
    chosen = load_recipe(recipe, dataset=material.benchmark.name)
    for line in chosen.to_toml().split("\n"):
        echo(line)
    run = train_run(
        material,
        level=level,
        recipe=chosen,
        seed=seed,
        out=out,
        device=device,
        workers=workers,
        loggers=loggers,
        progress=True,
    )
    if run.finished_before:
        echo(f"{out} is finished already: nothing to do")
    show_run(run.rows)
    echo(f"written: {run.folder}")


@click.command()
@click.argument("run", type=LOCATION)
@click.option("--benchmark", type=LOCATION, help="Where the benchmark lies, if it was moved.")
@click.option("--dataset", help="Where the dataset lies, if it was moved.")
@click.option("--on", "other", help="Score the test classes of another dataset instead, as folder:PATH.")
@click.option("--metrics", type=CommaSeparated(str), help="As recall@1,map@r,nmi.  [default: all]")
@device_option
@workers_option
def evaluate(
    run: Path,
    benchmark: Path | None,
    dataset: str | None,
    other: str | None,
    metrics: tuple[str, ...] | None,
    device: str,
    workers: int | None,
) -> None:
    """Score the finished RUN again, from its checkpoint, and replace its results.

    With --on, its weights are scored on the test classes of another dataset, and its results stay.

    \b
    Example:
      oodml-bench evaluate runs/ms-3-0
      oodml-bench evaluate runs/ms-3-0 --on folder:/data/other
    """
    from oodml_bench.training.running import evaluate_run
    from oodml_bench.training.trained import material_of_run
    from oodml_bench.training.transfer import evaluate_on

    material = material_of_run(run, benchmark=benchmark, data=dataset)
    if other is not None:
        transfer = evaluate_on(
            run, other, material=material, device=device, workers=workers, metrics=metrics, progress=True
        )
        show_run(transfer.rows)
        echo(f"written: {transfer.file}")
        return
    scored = evaluate_run(run, material=material, device=device, workers=workers, metrics=metrics, progress=True)
    show_run(scored.rows)
    echo(f"written: {scored.folder}")


def show_run(rows: Sequence[ResultRow]) -> None:
    """Print a line a metric: the last and the selected weights side by side."""
    first = rows[0]
    echo(f"{first.benchmark}, level {first.level} (FID {first.fid:.4g}): {first.recipe}, seed {first.seed}")
    weights = list(dict.fromkeys(row.weights for row in rows))
    values = {(row.metric, row.gallery_classes, row.weights): row.value for row in rows}
    lines = []
    for metric, gallery in dict.fromkeys((row.metric, row.gallery_classes) for row in rows):
        label = metric if gallery is None else f"{metric}, galleries of {gallery} classes"
        lines.append((label, *(f"{values[metric, gallery, name]:.4f}" for name in weights)))
    show_table(("metric", *(f"{name} weights" for name in weights)), lines, left=("metric",))
