"""All progressions of a benchmark of CUB200's size: this package's methods beside the published procedure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import get_args

import click
import numpy as np
import reference_procedure
from measure import Memory, Timed, memory_of, timed_in_turn
from reference_procedure import Distance, Features, Round, removal_rounds, swap_rounds
from synthetic import SyntheticClasses, synthetic_classes
from tables import Cell, Table, report

from oodml_bench.hardness import ClassSpace, frechet_distance
from oodml_bench.progress import working_on
from oodml_bench.splits.progression import Direction, Method, Progression
from oodml_bench.splits.search import PAPER_ROUNDS, SearchSettings, paper_schedule, search

METHODS: tuple[Method, ...] = ("paper", "greedy", "best")
REFERENCE = "published procedure"
SWAPS_PER_ROUND = 2

#: FIDs by the number of swaps, or of removals a side, after which they were found.
Found = Mapping[int, float]

#: Numbers of swaps in a table of what was found.
_SHOWN = 7


@dataclass(frozen=True)
class Study:
    """What is searched: a benchmark of CUB200's size unless told otherwise.

    Attributes
    ----------
    classes, dimension
        Of the class means; half of the classes on either side.
    removal_rounds
        Rounds of removal, the start included. The published study removes in ten rounds more than it swaps in.
    reference_rounds
        Rounds of each kind that the published procedure is timed for.
    """

    classes: int = 200
    dimension: int = 2048
    removal_rounds: int = PAPER_ROUNDS["harder"] + 10
    reference_rounds: int = 3

    @property
    def rounds(self) -> dict[str, int]:
        """Rounds of each kind of the published procedure."""
        return {**PAPER_ROUNDS, "removal": self.removal_rounds}

    @property
    def min_classes(self) -> int:
        """Classes a side after the last round of removal."""
        return self.classes // 2 - SWAPS_PER_ROUND * (self.removal_rounds - 1)

    def made(self) -> SyntheticClasses:
        """Make the class means."""
        return synthetic_classes(self.classes // 2, self.classes - self.classes // 2, self.dimension)


QUICK = Study(classes=40, dimension=24, removal_rounds=5, reference_rounds=2)


def tables(study: Study, runs: int) -> list[Table]:
    """Compare time, memory, and what is found."""
    classes = study.made()
    walked = _walked_by_reference(classes, study, exact_fid)
    ours = timed_in_turn({method: partial(_searched, classes, study, method) for method in METHODS}, runs)
    reference = timed_in_turn({kind: partial(_first_rounds, classes, study, kind, walked) for kind in walked}, runs=1)
    memory = {method: memory_of(_search_task, study, method) for method in METHODS}
    memory[REFERENCE] = memory_of(_reference_task, study)
    found = {method: {made.kind: _found(made) for made in ours[method].value} for method in METHODS}
    return [
        _cost_table(study, ours, reference, memory),
        *(_found_table(study, kind, _by_swaps(walked[kind]), found) for kind in walked),
        _agreement_table({kind: _by_swaps(reference[kind].value) for kind in reference}, found["paper"]),
    ]


def exact_fid(train: Features, test: Features) -> float:
    """Measure what the published procedure walks through without its error, and fast."""
    return frechet_distance(train, test).fid


def _searched(classes: SyntheticClasses, study: Study, method: Method) -> tuple[Progression, ...]:
    # A new space each time: its Gram matrix is part of the work.
    space = ClassSpace(classes.names, classes.means)
    settings = SearchSettings(method, swaps_per_round=SWAPS_PER_ROUND)
    return search(space, classes.start, settings, min_classes=study.min_classes)


def _search_task(study: Study, method: Method) -> Callable[[], object]:
    return partial(_searched, study.made(), study, method)


def _reference_task(study: Study) -> Callable[[], object]:
    return lambda: next(_swaps(study.made(), "harder", reference_procedure.fid))


def _swaps(classes: SyntheticClasses, direction: Direction, distance: Distance) -> Iterator[Round]:
    settings = SearchSettings("paper", swaps_per_round=SWAPS_PER_ROUND)
    _, history = paper_schedule(classes.start, direction, settings)
    return swap_rounds(
        classes.means,
        classes.train,
        classes.test,
        easier=direction == "easier",
        swaps_per_round=SWAPS_PER_ROUND,
        history=history,
        distance=distance,
    )


def _removal(classes: SyntheticClasses, harder: list[Round], distance: Distance) -> Iterator[Round]:
    """Remove from the hardest split of a walk: what the published study means, and more than its code does."""
    hardest = max(harder, key=lambda found: found.fid)
    return removal_rounds(
        classes.means, hardest.train, hardest.test, removals_per_round=SWAPS_PER_ROUND, distance=distance
    )


def _walked_by_reference(classes: SyntheticClasses, study: Study, distance: Distance) -> dict[str, list[Round]]:
    walked: dict[str, list[Round]] = {}
    for direction in get_args(Direction):
        walked[direction] = list(islice(_swaps(classes, direction, distance), study.rounds[direction]))
    walked["removal"] = list(islice(_removal(classes, walked["harder"], distance), study.removal_rounds))
    return walked


def _first_rounds(classes: SyntheticClasses, study: Study, kind: str, walked: Mapping[str, list[Round]]) -> list[Round]:
    """Take the first rounds of one kind as the published procedure does, its own FID included."""
    distance = reference_procedure.fid
    if kind == "removal":
        rounds = _removal(classes, walked["harder"], distance)
    else:
        rounds = _swaps(classes, "harder" if kind == "harder" else "easier", distance)
    return list(islice(rounds, study.reference_rounds))


def _by_swaps(rounds: list[Round]) -> Found:
    return {number * SWAPS_PER_ROUND: made.fid for number, made in enumerate(rounds)}


def _found(progression: Progression) -> Found:
    return {int(step.id.lstrip("R-")): step.fid for step in progression.steps}


def _cost_table(
    study: Study,
    ours: Mapping[Method, Timed[tuple[Progression, ...]]],
    reference: Mapping[str, Timed[list[Round]]],
    memory: Mapping[str, Memory],
) -> Table:
    seconds = {kind: timed.median * study.rounds[kind] / len(timed.value) for kind, timed in reference.items()}
    whole = sum(seconds.values())
    rows: list[tuple[Cell, ...]] = [
        (
            *(f"`{method}`", "measured", timed.best, timed.median, whole / timed.median),
            *(memory[method].peak, memory[method].added),
        )
        for method, timed in ours.items()
    ]
    rows.append((REFERENCE, "computed", None, whole, 1.0, memory[REFERENCE].peak, memory[REFERENCE].added))
    timed_rounds = ", ".join(f"{len(timed.value)} of {study.rounds[kind]} {kind}" for kind, timed in reference.items())
    runs = len(next(iter(ours.values())).seconds)
    return Table(
        title=f"A whole benchmark: {study.classes} classes, {study.dimension} dimensions",
        columns=("method", "time is", "best [s]", "median [s]", "time ratio", "peak [MB]", "added [MB]"),
        rows=tuple(rows),
        note=(
            f"All three progressions. Ours: {runs} runs, in turn. The published procedure: computed, not measured, "
            f"from the rounds that were timed once in the same process ({timed_rounds}), in proportion. Time ratio: "
            "the published procedure's time over this one's. Peak memory in a process of its own, libraries and "
            "features included, and what the work added to them; of one round for the published procedure. BLAS held "
            "to one thread."
        ),
    )


def _found_table(study: Study, kind: str, walked: Found, found: Mapping[Method, Mapping[str, Found]]) -> Table:
    sign = -1 if kind == "easier" else 1
    columns = {REFERENCE: walked, **{f"`{method}`": found[method][kind] for method in METHODS}}
    unit = "removed a side" if kind == "removal" else "swaps"
    rows: list[tuple[Cell, ...]] = []
    last = max(walked)
    for number in np.unique(np.linspace(0, last / SWAPS_PER_ROUND, _SHOWN).round().astype(int)) * SWAPS_PER_ROUND:
        reached = [extreme(column, int(number), sign) for column in columns.values()]
        rows.append((int(number), *reached, reached[-1] / reached[0]))
    ends = [extreme(column, study.classes, sign) for column in columns.values()]
    rows.append(("whole walk", *ends, ends[-1] / ends[0]))
    return Table(
        title=f"What is found, {kind}: {study.classes} classes, {study.dimension} dimensions",
        columns=(unit, *columns, "ratio, last to first"),
        rows=tuple(rows),
        note=(
            f"The {'lowest' if sign < 0 else 'highest'} FID with at most so many {unit}, all of them exact. Each "
            "removes from the hardest split that it found itself."
            if kind == "removal"
            else f"The {'lowest' if sign < 0 else 'highest'} FID with at most so many {unit}, all of them exact."
        ),
    )


def extreme(found: Found, most: int, sign: int) -> float:
    """Give the highest (sign 1) or lowest (sign -1) FID found with at most so many swaps."""
    return sign * max(sign * fid for number, fid in found.items() if number <= most)


def _agreement_table(reference: Mapping[str, Found], paper: Mapping[str, Found]) -> Table:
    rows = tuple(
        (kind, number, fid, paper[kind][number], abs(fid - paper[kind][number]) / paper[kind][number])
        for kind, walked in reference.items()
        for number, fid in walked.items()
    )
    return Table(
        title="The published procedure's own FIDs, beside `paper`'s after as many swaps",
        columns=("kind", "swaps or removals", REFERENCE, "`paper`", "relative difference"),
        rows=rows,
        note="The rounds that were timed. `paper` follows the same rule, so that differences are those of the FID.",
    )


@click.command()
@click.option("--reference-rounds", type=click.IntRange(1), default=3, show_default=True, help="Rounds to time of it.")
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Runs of our methods.")
@click.option("--quick", is_flag=True, help="A small study, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(reference_rounds: int, runs: int, quick: bool, json_file: Path | None) -> None:
    """Compare whole searches at CUB200's size."""
    study = QUICK if quick else Study(reference_rounds=reference_rounds)
    with working_on("Comparing whole benchmarks"):
        compared = tables(study, runs)
    report(compared, json_file)


if __name__ == "__main__":
    main()
