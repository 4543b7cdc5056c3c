"""`oodml-bench build`: from features to a graded benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, CommaSeparated, compute_option, constraint_options, overwrite_option

if TYPE_CHECKING:
    from oodml_bench.splits.episodes import SupportKind
    from oodml_bench.splits.progression import Method


@click.command()
@click.argument("features", type=LOCATION)
@click.option(
    "--out",
    type=LOCATION,
    required=True,
    help="NAME_splits.pkl; NAME_splits.json is written beside it.",
)
@click.option(
    "--method",
    type=click.Choice(["best", "greedy", "paper", "random"]),
    default="best",
    show_default=True,
    help="How splits are searched.",
)
@click.option("--levels", type=int, help="Number of levels, spread evenly in FID.  [default: 9]")
@click.option("--targets", type=CommaSeparated(float), help="FIDs, as 20,40,80: splits that have them become levels.")
@click.option("--tolerance", type=float, default=0.001, show_default=True, help="Relative miss of --targets allowed.")
@click.option("--at", type=CommaSeparated(str), help="Steps by their names, as -6,0,16,R18.")
@click.option("--group-by", help="superclass, or a CSV file of class and group: whole groups move together.")
@constraint_options
@click.option("--min-samples", type=int, default=1, show_default=True, help="Classes with fewer samples take no part.")
@click.option(
    "--min-classes", type=int, help="Classes a side at which removal stops.  [default: 60 % of the smaller side]"
)
@click.option("--swaps-per-round", type=int, default=2, show_default=True, help="Of --method paper.")
@click.option("--not-nested", is_flag=True, help="Of --method best: the best split at each number of swaps.")
@click.option(
    "--effort", type=int, default=1, show_default=True, help="Starts and children of --method best, times this."
)
@click.option(
    "--val-fraction", type=float, default=0.25, show_default=True, help="Train classes held out for validation."
)
@click.option(
    "--shots",
    type=CommaSeparated(int),
    default="2,5,10",
    show_default=True,
    help="Support samples a class of the few-shot episodes.",
)
@click.option(
    "--support",
    type=click.Choice(["samples", "classes"]),
    default="samples",
    show_default=True,
    help="What shots count: samples of each test class, or whole test classes, as published for Online Products.",
)
@click.option("--episodes", type=int, default=10, show_default=True, help="Episodes for each number of shots.")
@click.option(
    "--null-draws",
    type=int,
    help="Random splits to set each level against.  [default: 100, with more than 5,000 classes 20]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides validation splits, episodes and random starts."
)
@compute_option
@overwrite_option
def build(
    features: Path,
    out: Path,
    method: Method,
    levels: int | None,
    targets: tuple[float, ...] | None,
    tolerance: float,
    at: tuple[str, ...] | None,
    group_by: str | None,
    keep_train: Path | None,
    keep_test: Path | None,
    balance: float | None,
    min_samples: int,
    min_classes: int | None,
    swaps_per_round: int,
    not_nested: bool,
    effort: int,
    val_fraction: float,
    shots: tuple[int, ...],
    support: SupportKind,
    episodes: int,
    null_draws: int | None,
    seed: int,
    device: str,
    overwrite: bool,
) -> None:
    """Build a graded benchmark from FEATURES: a feature store or an .npz file of `features` and `classes`.

    \b
    Example:
      oodml-bench build features/cub200 --out datasplits/cub200_splits.pkl
    """
    from oodml_bench.cli.inspect import show_levels, show_notes
    from oodml_bench.hardness import on_device
    from oodml_bench.output import check_writable
    from oodml_bench.splits import build as build_benchmark
    from oodml_bench.splits.class_names import read_kept
    from oodml_bench.splits.files import checked_outputs

    # Before the search, which may take long.
    for output in checked_outputs(out, overwrite=overwrite):
        check_writable(output)
    with on_device(device):
        benchmark = build_benchmark(
            features,
            method=method,
            levels=levels,
            targets=targets,
            tolerance=tolerance,
            at=at,
            group_by=group_by,
            **read_kept(keep_train, keep_test),
            balance=balance,
            min_samples=min_samples,
            min_classes=min_classes,
            swaps_per_round=swaps_per_round,
            nested=not not_nested,
            effort=effort,
            val_fraction=val_fraction,
            shots=shots,
            episodes=episodes,
            support=support,
            null_draws=null_draws,
            seed=seed,
            progress=True,
        )
    pickle_path, json_path = benchmark.save(out, overwrite=overwrite)
    show_levels(benchmark)
    show_notes(benchmark)
    echo(f"written: {pickle_path} and {json_path}")
