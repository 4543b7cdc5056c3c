"""One FID between two sets of class means: the ways to compute it, side by side."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import click
import numpy as np
import reference_procedure
import scipy.linalg
from measure import Memory, Timed, memory_of, timed_in_turn
from synthetic import SyntheticClasses, synthetic_classes
from tables import Cell, Table, finite, report

from oodml_bench.hardness import ClassSpace, frechet_distance
from oodml_bench.hardness.moments import Moments
from oodml_bench.progress import working_on

#: Classes on either side: CUB200's, the middle, and those of Stanford Online Products.
SIZES = ((100, 100), (1000, 1000), (11_318, 11_316))
DIMENSION = 2048

#: Classes of either side that change sides in a round at the size of Stanford Online Products.
SWAPS = 1000
QUICK_SIZES, QUICK_DIMENSION = ((30, 28), (70, 60)), 48

Task = Callable[[], float]
Form = Callable[[SyntheticClasses], Task]


def exact(classes: SyntheticClasses) -> Task:
    """Prepare the distance from the class means of two sides, with nothing held."""
    train, test = _sides(classes)
    return lambda: frechet_distance(train, test).fid


def held_space(classes: SyntheticClasses) -> Task:
    """Prepare the distance between two subsets of a class space that holds its Gram matrix, as a search takes it."""
    space = ClassSpace(classes.names, classes.means)
    if min(len(classes.train), len(classes.test)) <= classes.means.shape[1]:
        # Makes the Gram matrix, which larger sides do without.
        space.distance(classes.train[:2], classes.test[:2])
    return lambda: space.distance(classes.train, classes.test).fid


def held_moments(classes: SyntheticClasses) -> Task | None:
    """Prepare the distance from the two sides' moments, as a search of more classes than dimensions holds them."""
    if min(len(classes.train), len(classes.test)) <= classes.means.shape[1]:
        return None
    moments = _moments(classes)
    return lambda: moments.distance().fid


def swapped_moments(classes: SyntheticClasses) -> Task | None:
    """Prepare the same after as many swaps as a round of a search makes, there and back: two updates, one distance."""
    if min(len(classes.train), len(classes.test)) <= classes.means.shape[1]:
        return None
    moments = _moments(classes)
    to_test, to_train = (
        classes.means[side[:SWAPS]] - classes.means.mean(axis=0) for side in (classes.train, classes.test)
    )
    return lambda: moments.after_swaps(to_test, to_train).after_swaps(to_train, to_test).distance().fid


def _moments(classes: SyntheticClasses) -> Moments:
    space = ClassSpace(classes.names, classes.means)
    return Moments.of(space.blocks(classes.train), space.blocks(classes.test))


def reference(classes: SyntheticClasses) -> Task:
    """Prepare the distance as the published procedure takes it."""
    train, test = _sides(classes)
    return lambda: reference_procedure.fid(train, test)


def pytorch_fid(classes: SyntheticClasses) -> Task:
    """Prepare the distance of the library that most papers quote, moments included; NaN where it finds none."""
    from pytorch_fid import fid_score

    train, test = _sides(classes)
    square_root = scipy.linalg.sqrtm

    def task() -> float:
        # It passes an argument that SciPy is about to drop, and announces what it adds to the diagonal.
        without_argument = mock.patch.object(fid_score.linalg, "sqrtm", lambda product, **_: (square_root(product), 0))
        moments = [moment for side in (train, test) for moment in (side.mean(axis=0), np.cov(side, rowvar=False))]
        try:
            with without_argument, contextlib.redirect_stdout(io.StringIO()):
                return float(fid_score.calculate_frechet_distance(*moments))
        except ValueError:
            # An imaginary part of the square root that it holds to be too large.
            return float("nan")

    return task


#: The forms that are compared; the first is the one that all others are set against.
FORMS: Mapping[str, Callable[[SyntheticClasses], Task | None]] = {
    "`frechet_distance`": exact,
    "`ClassSpace.distance`": held_space,
    "held moments": held_moments,
    "held moments, after 2 x 1,000 swaps": swapped_moments,
    "published procedure": reference,
    "pytorch-fid": pytorch_fid,
}


def table(sizes: tuple[int, int], dimension: int, runs: int) -> Table:
    """Compare the forms at one size."""
    classes = synthetic_classes(*sizes, dimension)
    tasks = {name: task for name, form in FORMS.items() if (task := form(classes)) is not None}
    timed = timed_in_turn(tasks, runs)
    memory = {name: memory_of(_form, name, sizes, dimension) for name in tasks}
    first = next(iter(timed.values()))
    return Table(
        title=f"One FID: {sizes[0]:,} + {sizes[1]:,} classes, {dimension} dimensions",
        columns=(
            *("form", "best [s]", "median [s]", "time ratio"),
            *("peak [MB]", "added [MB]", "FID", "relative difference"),
        ),
        rows=tuple(_row(name, timed[name], memory[name], first) for name in tasks),
        note=(
            f"Best and median of {runs} runs, in turn in one process; ratio: of the best to the first row's. Peak "
            "memory of one run in a process of its own, libraries and features included, and what the run added to "
            "them. BLAS held to one thread. `ClassSpace.distance` holds its "
            f"centred means and, up to {dimension} classes on the smaller side, its Gram matrix. Differences are from "
            "the first row."
        ),
    )


def _row(name: str, timed: Timed[float], memory: Memory, first: Timed[float]) -> tuple[Cell, ...]:
    difference = abs(timed.value - first.value) / first.value
    return (
        *(name, timed.best, timed.median, timed.best / first.best),
        *(memory.peak, memory.added, finite(timed.value), finite(difference)),
    )


def _form(name: str, sizes: tuple[int, int], dimension: int) -> Callable[[], object]:
    """Give a form's task, in a process of its own."""
    task = FORMS[name](synthetic_classes(*sizes, dimension))
    if task is None:
        raise ValueError(f"there is no form {name!r} to measure")
    return task


def _sides(classes: SyntheticClasses) -> tuple[np.ndarray, np.ndarray]:
    return classes.means[classes.train], classes.means[classes.test]


@click.command()
@click.option("--runs", type=click.IntRange(1), default=3, show_default=True, help="Runs of each form.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(runs: int, quick: bool, json_file: Path | None) -> None:
    """Compare the ways to compute one FID."""
    sizes, dimension = (QUICK_SIZES, QUICK_DIMENSION) if quick else (SIZES, DIMENSION)
    with working_on("Comparing single distances"):
        tables = [table(size, dimension, runs) for size in sizes]
    report(tables, json_file)


if __name__ == "__main__":
    main()
