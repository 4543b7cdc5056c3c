"""`oodml-bench adapt`: few-shot adaptation of trained runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.failures import show_failures
from oodml_bench.cli.few_shot_table import show_episodes, show_gains
from oodml_bench.cli.parameters import LOCATION, CommaSeparated, device_option, workers_option

if TYPE_CHECKING:
    from oodml_bench.training.few_shot import FewShot


@click.command()
@click.argument("run", type=LOCATION)
@click.option("--shots", type=CommaSeparated(int, least=1), required=True, help="Support samples a class, as 2,5.")
@click.option("--episodes", type=click.IntRange(min=1), help="How many of the benchmark's.  [default: all]")
@click.option(
    "--by",
    "adaptations",
    type=CommaSeparated(str),
    help="Adaptations by name (see baselines/adaptations/), or TOML files.  [default: margin, for heads head-margin]",
)
@click.option("--benchmark", type=LOCATION, help="Where the benchmark lies, if it was moved.")
@click.option("--dataset", help="Where the dataset lies, if it was moved.")
@device_option
@workers_option
def adapt(
    run: Path,
    shots: tuple[int, ...],
    episodes: int | None,
    adaptations: tuple[str, ...] | None,
    benchmark: Path | None,
    dataset: str | None,
    device: str,
    workers: int | None,
) -> None:
    """Adapt the trained RUN, or all runs below a folder, to a few samples of each test class.

    Each episode's queries are scored by the weights as they were trained, and again after a copy of them was adapted to
    the episode's support samples. The same command skips the episodes that are finished.

    \b
    Example:
      oodml-bench adapt runs/ms-3-0 --shots 2 --episodes 10
      oodml-bench adapt runs/cub --shots 2,5 --by margin,class_means,linear_probe
    """
    from oodml_bench.training.few_shot import adapt_run, adapt_runs
    from oodml_bench.training.trained import material_of_run

    chosen = _chosen(run, shots, episodes, adaptations)
    if (run / "run.json").is_file():
        material = material_of_run(run, benchmark=benchmark, data=dataset)
        rows = adapt_run(run, chosen, material=material, device=device, workers=workers, progress=True)
        show_episodes(rows)
        echo(f"written: {run / 'few_shot'}")
        return
    done = adapt_runs(
        run,
        chosen,
        benchmark=benchmark,
        data=dataset,
        device=device,
        workers=workers,
        on_start=_announce,
        progress=True,
    )
    if done.rows:
        show_gains(done.rows)
    show_failures(done.failures)


def _announce(run: Path) -> None:
    echo(str(run), err=True)


def _chosen(run: Path, shots: Sequence[int], episodes: int | None, names: Sequence[str] | None) -> FewShot:
    from oodml_bench.training.few_shot import FewShot, usual_adaptation
    from oodml_bench.training.recipe_files import load_adaptation

    names = names or (usual_adaptation(run),)
    return FewShot(tuple(dict.fromkeys(shots)), tuple(load_adaptation(name) for name in names), episodes)
