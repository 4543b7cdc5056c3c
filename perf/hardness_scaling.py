"""How the hardness engine grows with the number of classes: one distance, one batch of a search, a whole benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from unittest import mock

import click
import numpy as np
from measure import Alone, timed_alone
from synthetic import SyntheticClasses, synthetic_classes
from tables import Cell, Table, report

from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.class_space import GRAM_CLASSES
from oodml_bench.hardness.null import default_draws, null_fids
from oodml_bench.progress import working_on
from oodml_bench.splits import ascent, build, building, calibration, multistart, removal, search
from oodml_bench.splits.ascent import improving_batches
from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.ladder import LadderSettings, ladder
from oodml_bench.splits.progression import Step
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split

SIZES = (1_000, 10_000, 100_000, 200_000)
QUICK_SIZES = (600, 900)
DIMENSION, QUICK_DIMENSION = 2048, 16

#: A whole build of more classes takes most of an hour and more.
WHOLE_UP_TO = 10_000

#: Dimensions of whole builds at every size: they show how many batches a search makes, and what grows with the classes
#: alone.
COUNTING_DIMENSION, QUICK_COUNTING_DIMENSION = 64, 8

#: The files of more classes with episodes need more memory than this measurement should.
FILES_UP_TO = 10_000

#: Samples a class in the files, and the levels, shots and episodes that `build` makes unless told otherwise.
SAMPLES = 100
LEVELS, SHOTS, EPISODES = 9, (2, 5, 10), 10

#: What is extrapolated to.
FAR = 1_000_000

#: Share of the smaller side that the batch moves at most: that of the first batches of an ascent.
_BATCH = 0.15

DISTANCE, BATCH, DRAWS, WHOLE = "one exact distance", "one batch of swaps", "two random splits", "a whole benchmark"
FILES, COUNTED = "its files", "a whole benchmark of few dimensions"


@dataclass
class Part:
    """How often a part of the work was done, and the processor seconds that it took."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Work:
    """What a task took.

    Attributes
    ----------
    seconds
        Processor time: what it would have taken with a core to itself.
    parts
        Its parts, by name.
    sizes
        Bytes of the files that it wrote, by suffix.
    """

    seconds: float
    parts: dict[str, Part] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


def classes_of(classes: int, dimension: int) -> SyntheticClasses:
    """Make class means as they are stored, in single precision, and halves drawn at random."""
    return synthetic_classes(classes - classes // 2, classes // 2, dimension, dtype=np.float32)


def one_distance(classes: int, dimension: int) -> Callable[[], Work]:
    """Prepare the exact distance between two halves."""
    made = classes_of(classes, dimension)
    space = ClassSpace(made.names, made.means)
    return _timed(lambda: space.distance(made.train, made.test))


def one_batch(classes: int, dimension: int) -> Callable[[], Work]:
    """Prepare one batch of swaps towards harder, from a split whose moments are known as they are during a search."""
    made = classes_of(classes, dimension)
    seats = Seats(ClassSpace(made.names, made.means), made.train, made.test).prepared()
    return _timed(lambda: next(improving_batches(seats, 1, int(_BATCH * seats.smaller_side))))


def two_random_splits(classes: int, dimension: int) -> Callable[[], Work]:
    """Prepare two draws of the null distribution, with the sums over all classes that all draws share."""
    made = classes_of(classes, dimension)
    space, rng = ClassSpace(made.names, made.means), np.random.default_rng(0)
    return _timed(lambda: null_fids(space, np.arange(classes), len(made.train), draws=2, rng=rng))


def whole_benchmark(classes: int, dimension: int) -> Callable[[], Work]:
    """Prepare the way from a file of class means to the files of a benchmark, as `oodml-bench build` goes it."""
    folder = TemporaryDirectory()
    features, out = Path(folder.name) / "means.npz", Path(folder.name) / "means_splits.pkl"
    made = classes_of(classes, dimension)
    np.savez(features, features=made.means, classes=np.array(made.names))

    def task() -> Work:
        begin = time.process_time()
        with _parts_watched() as parts:
            benchmark = build(features)
            with _counted(parts["files"]):
                benchmark.save(out)
        with folder:
            return Work(time.process_time() - begin, parts, _sizes_beside(out))

    return task


def files(classes: int, dimension: int) -> Callable[[], Work]:
    """Prepare the levels of a benchmark, with the samples of every class and episodes, and its files.

    The splits are random ones: which classes a level holds does not matter to its size.
    """
    names = [f"class_{number:07}" for number in range(classes)]
    samples = {name: tuple(f"{number:08}.jpg" for number in range(SAMPLES)) for name in names}
    few = classes_of(8, dimension)
    distance = ClassSpace(few.names, few.means).distance(few.train, few.test)
    rng = np.random.default_rng(0)

    def split() -> Split:
        order = rng.permutation(classes)
        train, test = (tuple(names[row] for row in np.sort(side)) for side in np.array_split(order, 2))
        return Split(train, test)

    splits = [split() for _ in range(LEVELS)]

    def task() -> Work:
        begin = time.process_time()
        steps = [Step(str(number), split, distance) for number, split in enumerate(splits)]
        levels = ladder(steps, splits[0], samples, LadderSettings(0.25, SHOTS, EPISODES, seed=0))
        with TemporaryDirectory() as folder:
            out, _ = Benchmark("files", levels, samples=samples).save(Path(folder) / "files_splits.pkl")
            return Work(time.process_time() - begin, sizes=_sizes_beside(out))

    return task


def _timed(task: Callable[[], object]) -> Callable[[], Work]:
    def work() -> Work:
        begin = time.process_time()
        task()
        return Work(time.process_time() - begin)

    return work


def _sizes_beside(pickle: Path) -> dict[str, int]:
    return {suffix: pickle.with_suffix(suffix).stat().st_size for suffix in (".pkl", ".json")}


@contextmanager
def _counted(part: Part) -> Iterator[None]:
    begin = time.process_time()
    yield
    part.calls += 1
    part.seconds += time.process_time() - begin


#: The functions that are watched during a build: where each is called from, and the part that its time belongs to.
_WATCHED: tuple[tuple[ModuleType, str, str], ...] = (
    (building, "start_of", "class means"),
    (search, "best_swaps", "{2}"),
    (search, "greedy_removal", "removal"),
    (building, "ladder", "levels"),
    (building, "calibrated_levels", "calibration"),
    (building, "published_comparison", "published rule"),
    (ascent, "propose_swaps", "batches proposed"),
    (multistart, "propose_swaps", "batches proposed"),
    (removal, "propose_removals", "batches proposed"),
    (calibration, "null_fids", "null distributions"),
)

#: In this order, and which of them lie inside others.
PARTS = ("class means", "easier", "harder", "removal", "levels", "calibration", "published rule", "files")
INSIDE = {"batches proposed": "easier, harder, removal", "null distributions": "calibration"}


@contextmanager
def _parts_watched() -> Iterator[dict[str, Part]]:
    """Count and time the parts of a build inside the `with` block."""
    parts = {name: Part() for name in (*PARTS, *INSIDE)}

    def watched(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            with _counted(parts[part.format(*arguments)]):
                return function(*arguments, **options)

        return counted

    with ExitStack() as patched:
        for module, name, part in _WATCHED:
            patched.enter_context(mock.patch.object(module, name, watched(getattr(module, name), part)))
        yield parts


Measured = dict[str, dict[int, Alone[Work]]]

_TASKS: dict[str, Callable[[int, int], Callable[[], Work]]] = {
    DISTANCE: one_distance,
    BATCH: one_batch,
    DRAWS: two_random_splits,
    FILES: files,
    COUNTED: whole_benchmark,
    WHOLE: whole_benchmark,
}


def measured(sizes: Sequence[int], dimensions: tuple[int, int], most: Mapping[str, int]) -> Measured:
    """Measure everything at every size up to the most of each task, each in a process of its own.

    The second number of dimensions is that of `COUNTED`.
    """
    return {
        what: {
            classes: timed_alone(prepare, classes, dimensions[what == COUNTED])
            for classes in sizes
            if classes <= most.get(what, classes)
        }
        for what, prepare in _TASKS.items()
    }


def tables(found: Measured, dimensions: tuple[int, int]) -> list[Table]:
    """Show what was measured, and what follows from it."""
    dimension, few = dimensions
    made = [_cost_table(found, dimension), _growth_table(found, dimension), _parts_table(found[COUNTED], few)]
    if found[WHOLE]:
        made.append(_parts_table(found[WHOLE], dimension))
    made.append(_whole_table(found, dimensions))
    if found[FILES]:
        made.append(_files_table(found[FILES]))
    return made


def _cost_table(found: Measured, dimension: int) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (what, "measured", classes, alone.value.seconds, alone.seconds, alone.memory.peak, alone.memory.added)
        for what in (DISTANCE, BATCH, DRAWS, WHOLE)
        for classes, alone in found[what].items()
    ]
    return Table(
        title=f"Cost by the number of classes: {dimension} dimensions",
        columns=("what", "how", "classes", "processor [s]", "clock [s]", "peak [MB]", "added [MB]"),
        rows=tuple(rows),
        note=(
            "Each once, in a process of its own, BLAS held to one thread; class means in float32, equal halves. One "
            f"batch: towards harder, up to {_BATCH:.0%} of a side, with its screen and the exact distance behind it. A "
            "whole benchmark: from an `.npz` file of class means to both files, all settings as they are. Processor "
            "time is what a core alone would have needed; the clock shows how busy the machine was. Peak memory "
            "includes libraries and class means; added is what the work took besides."
        ),
    )


def _growth_table(found: Measured, dimension: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for what in (DISTANCE, BATCH, DRAWS, WHOLE):
        sizes = list(found[what])
        parts = dict.fromkeys((tuple(sizes), tuple(size for size in sizes if size > GRAM_CLASSES)))
        rows += [_growth_row(what, {size: found[what][size] for size in part}) for part in parts if len(part) > 1]
    return Table(
        title=f"Growth: {dimension} dimensions",
        columns=(
            *("what", "from", "to", "sizes", "exponent of time", "exponent of peak memory"),
            *(f"{FAR:,} classes: processor [s]", f"{FAR:,} classes: peak [MB]"),
        ),
        rows=tuple(rows),
        note=(
            "Computed. Exponents: slopes of straight lines through logarithms, by least squares, of processor time and "
            f"of peak memory over the number of classes; of all sizes, and of those above {GRAM_CLASSES:,}, for which "
            "no Gram matrix is held. Numbers for more classes lie on the straight line through the two largest sizes."
        ),
    )


def _growth_row(what: str, alone: Mapping[int, Alone[Work]]) -> tuple[Cell, ...]:
    seconds = {size: each.value.seconds for size, each in alone.items()}
    memory = {size: each.memory.peak for size, each in alone.items()}
    return (
        *(what, min(alone), max(alone), len(alone), exponent(seconds), exponent(memory)),
        *(_on_the_line(values, FAR) for values in (seconds, memory)),
    )


def _on_the_line(values: Mapping[int, float], size: int) -> float:
    """Follow the straight line through the values at the two largest sizes to another size."""
    (first, low), (last, high) = sorted(values.items())[-2:]
    return high + (high - low) / (last - first) * (size - last)


def exponent(values: Mapping[int, float]) -> float:
    """Fit ``value = a size^b`` by least squares of the logarithms, and give b."""
    return float(np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0])


def _parts_table(whole: Mapping[int, Alone[Work]], dimension: int) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            *(f"{name}, inside {INSIDE[name]}" if name in INSIDE else name, classes),
            *(part.calls, part.seconds, part.seconds / alone.value.seconds),
        )
        for classes, alone in whole.items()
        for name, part in alone.value.parts.items()
    ]
    return Table(
        title=f"Parts of a whole benchmark: {dimension} dimensions",
        columns=("part", "classes", "calls", "processor [s]", "share"),
        rows=tuple(rows),
        note=(
            "Measured, in whole builds. Batches proposed: how many the search made, and what choosing them took "
            "without the distances behind them. Published rule: the comparison with it, for the notes."
        ),
    )


def _whole_table(found: Measured, dimensions: tuple[int, int]) -> Table:
    """Compute what whole builds take from their parts, those that were measured too."""
    each = {what: {size: alone.value.seconds for size, alone in found[what].items()} for what in found}
    if len(found[BATCH]) > 1:
        for what in (BATCH, DRAWS, COUNTED):
            each[what][FAR] = _on_the_line(each[what], FAR)
    rows: list[tuple[Cell, ...]] = []
    for classes, batch in each[BATCH].items():
        parts = found[COUNTED][min(classes, max(found[COUNTED]))].value.parts
        batches, nulls = parts["batches proposed"].calls, parts["null distributions"].calls
        rest = each[COUNTED][classes]
        seconds = batches * batch, nulls * default_draws(classes) / 2 * each[DRAWS][classes]
        rows.append((classes, batches, nulls, rest, *seconds, sum(seconds) + rest, each[WHOLE].get(classes)))
    return Table(
        title=f"A whole benchmark from its batches and random splits: {dimensions[0]} dimensions",
        columns=(
            *(
                "classes",
                f"batches, in {dimensions[1]} dimensions",
                "null distributions, there",
                "all of it, there [s]",
            ),
            *("its batches [s]", "its random splits [s]", "computed: all together [s]", "measured whole [s]"),
        ),
        rows=tuple(rows),
        note=(
            f"Measured: a whole build in {dimensions[1]} dimensions, which is nearly all that does not grow with "
            "dimensions; and, where there is a number in the last column, the whole build. Computed: its batches and "
            "random splits, times what one of them takes: an upper estimate, since the batch that was measured is of "
            "the largest kind, and the sums over all classes are counted with every two random splits. "
            f"{FAR:,} classes: computed, with as many batches as for the largest size. Processor time."
        ),
    )


def _files_table(written: Mapping[int, Alone[Work]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            *("measured", classes, *(size / 1e6 for size in alone.value.sizes.values())),
            *(alone.value.seconds, alone.memory.peak, alone.memory.added),
        )
        for classes, alone in written.items()
    ]
    last = max(written)
    work, ratio = written[last], FAR / last
    far = [size / 1e6 * ratio for size in work.value.sizes.values()]
    added = work.memory.added * ratio
    rows.append(("computed", FAR, *far, work.value.seconds * ratio, work.memory.before + added, added))
    return Table(
        title=f"Files of a benchmark: {SAMPLES} samples a class, {LEVELS} levels",
        columns=("how", "classes", "pickle [MB]", "JSON [MB]", "processor [s]", "peak [MB]", "added [MB]"),
        rows=tuple(rows),
        note=(
            f"Levels with validation splits and {EPISODES} episodes each of {', '.join(map(str, SHOTS))} shots, random "
            "halves of the classes, the samples of every class, no walks. Time and memory are those of making "
            "and writing them. Computed: in proportion, from the row above."
        ),
    )


@click.command()
@click.option("--sizes", type=click.IntRange(8), multiple=True, help=f"Numbers of classes.  [default: {SIZES}]")
@click.option("--whole-up-to", type=int, default=WHOLE_UP_TO, show_default=True, help="Classes of whole builds.")
@click.option("--files-up-to", type=int, default=FILES_UP_TO, show_default=True, help="Classes of files.")
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(sizes: tuple[int, ...], whole_up_to: int, files_up_to: int, quick: bool, json_file: Path | None) -> None:
    """Measure how the hardness engine grows with the number of classes."""
    sizes = tuple(sorted(sizes)) or (QUICK_SIZES if quick else SIZES)
    dimensions = (QUICK_DIMENSION, QUICK_COUNTING_DIMENSION) if quick else (DIMENSION, COUNTING_DIMENSION)
    with working_on("Measuring how the hardness engine grows"):
        found = measured(sizes, dimensions, {WHOLE: whole_up_to, FILES: files_up_to})
    report(tables(found, dimensions), json_file)


if __name__ == "__main__":
    main()
