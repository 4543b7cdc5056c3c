"""`oodml-bench progression`: one walk from the default split, every step of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, compute_option, constraint_options, overwrite_option

if TYPE_CHECKING:
    from oodml_bench.splits.progression import Direction, Method


@click.command()
@click.argument("features", type=LOCATION)
@click.option("--out", type=LOCATION, required=True, help="The progression, as JSON.")
@click.option("--direction", type=click.Choice(["harder", "easier"]), default="harder", show_default=True)
@click.option("--method", type=click.Choice(["best", "greedy", "paper", "random"]), default="best", show_default=True)
@click.option("--rounds", type=int, help="Of --method paper, and draws of random.  [default: 25 harder, 15 easier]")
@click.option("--swaps-per-round", type=int, default=2, show_default=True, help="Of --method paper.")
@click.option("--history", type=int, help="Of --method paper.  [default: 5 harder, 30 easier]")
@click.option("--not-nested", is_flag=True, help="Of --method best: the best split at each number of swaps.")
@constraint_options
@click.option(
    "--effort", type=int, default=1, show_default=True, help="Starts and children of --method best, times this."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides random starts and draws.")
@compute_option
@overwrite_option
def progression(
    features: Path,
    out: Path,
    direction: Direction,
    method: Method,
    rounds: int | None,
    swaps_per_round: int,
    history: int | None,
    not_nested: bool,
    keep_train: Path | None,
    keep_test: Path | None,
    balance: float | None,
    effort: int,
    seed: int,
    device: str,
    overwrite: bool,
) -> None:
    """Walk from the default split of FEATURES in one direction, and write every step.

    The JSON file holds `rounds`, a list: the step's `id`, its `fid` with `mean_term` and `covariance_term`, its `swaps`
    from the default split, and its `train` and `test` classes.

    \b
    Example:
      oodml-bench progression features/cub200 --direction harder --out progression.json
    """
    from oodml_bench.features import open_features
    from oodml_bench.hardness import on_device
    from oodml_bench.output import check_writable, refuse_to_overwrite, write_bytes
    from oodml_bench.splits.class_names import read_kept
    from oodml_bench.splits.constraints import constrained_start, constraints_of
    from oodml_bench.splits.notes import moved_start_note
    from oodml_bench.splits.progression_file import progression_bytes
    from oodml_bench.splits.search import SearchSettings, published_comparison, walk
    from oodml_bench.splits.start import start_of

    refuse_to_overwrite(out, overwrite=overwrite)
    check_writable(out)
    settings = SearchSettings(method, swaps_per_round, rounds, history, effort, seed, nested=not not_nested)
    kept = read_kept(keep_train, keep_test)
    means, space, start = start_of(open_features(features), progress=True)
    constraints = constraints_of(space, start, means.counts, **kept, balance=balance)
    begin = constrained_start(start, space, constraints, **kept)
    with on_device(device):
        walked = walk(space, begin, direction, settings, constraints=constraints, progress=True)
        note = published_comparison(space, begin, walked, settings) if constraints.is_free else None
    write_bytes(out, progression_bytes(walked))
    first, last = walked.steps[0], walked.steps[-1]
    echo(f"{len(walked.steps)} steps, from FID {first.fid:.6g} to {last.fid:.6g}")
    if begin != start:
        echo(moved_start_note(start, begin))
    if note:
        echo(note)
    echo(f"written: {out}")
