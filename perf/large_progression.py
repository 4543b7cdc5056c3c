"""One progression among very many classes: this package's methods beside the published procedure."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import click
import numpy as np
from measure import Alone, timed_alone
from reference_procedure import swap_rounds
from synthetic import synthetic_classes
from tables import Cell, Table, report

from oodml_bench.hardness import ClassSpace
from oodml_bench.progress import working_on
from oodml_bench.splits.progression import Method
from oodml_bench.splits.search import SearchSettings, walk

#: Stanford Online Products, with its unequal sides, and the size of a web catalogue.
SIZES = (22_634, 200_000)
QUICK_SIZES = (640,)
DIMENSION, QUICK_DIMENSION = 2048, 24

ROUNDS = 20
HISTORY = 5
METHODS: tuple[Method, ...] = ("paper", "best")
REFERENCE = "published procedure"

#: From this many classes on, the means are float32, as they are stored.
_NARROW_FROM = 50_000

#: FIDs by the number of swaps after which they were found.
Found = dict[int, float]


def sides_of(classes: int) -> tuple[int, int]:
    """Give the sizes of the sides: those of Stanford Online Products, equal halves for any other number."""
    return (11_318, 11_316) if classes == SIZES[0] else (classes - classes // 2, classes // 2)


def swaps_of_a_round(classes: int) -> int:
    """Give the swaps in a round: 1,000 for Stanford Online Products, and in proportion."""
    return max(1, round(classes / SIZES[0] * 1000))


def prepare(method: str, classes: int, dimension: int, rounds: int) -> Callable[[], Found]:
    """Make the class means, and give the task."""
    made = synthetic_classes(*sides_of(classes), dimension, dtype=np.float32 if classes >= _NARROW_FROM else np.float64)
    swaps = swaps_of_a_round(classes)
    if method == REFERENCE:
        walked = swap_rounds(made.means, made.train, made.test, easier=False, swaps_per_round=swaps, history=HISTORY)
        return lambda: {number * swaps: found.fid for number, found in enumerate(islice(walked, rounds))}
    settings = SearchSettings("paper", swaps, rounds, HISTORY) if method == "paper" else SearchSettings("best")
    return partial(_walked, made.names, made.means, made.start, settings)


def _walked(names, means, start, settings) -> Found:  # type: ignore[no-untyped-def]
    # A new space: what it holds is part of the work.
    steps = walk(ClassSpace(names, means), start, "harder", settings).steps
    return {int(step.id): step.fid for step in steps}


def tables(classes: int, dimension: int, reference_rounds: int) -> list[Table]:
    """Compare time, memory and what is found at one number of classes."""
    measured = {method: timed_alone(prepare, method, classes, dimension, ROUNDS) for method in METHODS}
    reference = timed_alone(prepare, REFERENCE, classes, dimension, reference_rounds) if reference_rounds else None
    return [
        _cost_table(classes, dimension, measured, reference, reference_rounds),
        _found_table(classes, dimension, {method: alone.value for method, alone in measured.items()}),
    ]


def _cost_table(
    classes: int, dimension: int, measured: dict[Method, Alone[Found]], reference: Alone[Found] | None, rounds: int
) -> Table:
    whole = None if reference is None else reference.seconds / rounds * ROUNDS
    rows: list[tuple[Cell, ...]] = [
        (
            *(f"`{method}`", "measured", len(alone.value), alone.seconds),
            *(None if whole is None else whole / alone.seconds, alone.memory.peak, alone.memory.added),
        )
        for method, alone in measured.items()
    ]
    if reference is not None:
        rows.append((REFERENCE, "computed", ROUNDS, whole, 1.0, reference.memory.peak, reference.memory.added))
    timed = f"computed, not measured, from {rounds} of its rounds, in proportion" if reference else "not run"
    return Table(
        title=f"A progression towards harder: {classes:,} classes, {dimension} dimensions",
        columns=("method", "time is", "steps", "time [s]", "time ratio", "peak [MB]", "added [MB]"),
        rows=tuple(rows),
        note=(
            f"`paper` and the published procedure: {ROUNDS} rounds of {swaps_of_a_round(classes):,} swaps. `best`: the "
            f"whole search, and the path to its end. Each once, in a process of its own, BLAS held to one thread. The "
            f"published procedure: {timed}. Time ratio: its time over this one's. Peak memory includes libraries and "
            f"features ({'float32' if classes >= _NARROW_FROM else 'float64'}); added is what the work took besides."
        ),
    )


def _found_table(classes: int, dimension: int, found: dict[Method, Found]) -> Table:
    best = found["best"]
    rows: list[tuple[Cell, ...]] = []
    for swaps, fid in found["paper"].items():
        at_most = max(other for number, other in best.items() if number <= swaps)
        between = float(np.interp(swaps, list(best), list(best.values())))
        rows.append((swaps, fid, at_most, between, between / fid if fid else math.nan))
    return Table(
        title=f"What is found: {classes:,} classes, {dimension} dimensions",
        columns=("swaps", "`paper`", "`best`, with at most so many", "`best`, interpolated", "ratio, last to first"),
        rows=tuple(rows),
        note="Exact FIDs. The steps of `best` lie at other numbers of swaps; in between, its FID is interpolated.",
    )


@click.command()
@click.option("--classes", type=click.IntRange(8), multiple=True, help="Numbers of classes.  [default: 22634, 200000]")
@click.option("--reference-rounds", type=int, default=1, show_default=True, help="Rounds to time of it; 0 for none.")
@click.option("--quick", is_flag=True, help="A small size, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(classes: tuple[int, ...], reference_rounds: int, quick: bool, json_file: Path | None) -> None:
    """Compare progressions among very many classes."""
    sizes = classes or (QUICK_SIZES if quick else SIZES)
    with working_on("Comparing progressions among many classes"):
        compared = [
            table for size in sizes for table in tables(size, QUICK_DIMENSION if quick else DIMENSION, reference_rounds)
        ]
    report(compared, json_file)


if __name__ == "__main__":
    main()
