"""Whether the levels are a ladder: numbered, ordered, all different, and steps of the walks that the file tells of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from oodml_bench.errors import OodmlError
from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.split import Split
from oodml_bench.splits.verification.check import Check, checked, unchecked
from oodml_bench.splits.walked_splits import walked_splits

ORDERED = "levels are numbered from 1 by rising FID"
DIFFERENT = "no two levels are the same"
WALKED = "levels are steps of the walks"


def check_ladder(benchmark: Benchmark) -> list[Check]:
    """Check the levels against each other, and against the walks."""
    looked_at = f"{len(benchmark.levels)} levels"
    return [
        checked(ORDERED, _disorder(benchmark), looked_at),
        checked(DIFFERENT, _doubles(benchmark), looked_at),
        _walked(benchmark),
    ]


def _disorder(benchmark: Benchmark) -> Iterator[str]:
    numbers = list(benchmark.levels)
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        yield f"they are numbered {', '.join(map(str, numbers))}"
    for (easier, level), (harder, further) in pairwise(sorted(benchmark.levels.items())):
        if further.fid < level.fid:
            yield f"level {harder} has a FID of {further.fid:.6g}, below {level.fid:.6g} of level {easier}"


def _doubles(benchmark: Benchmark) -> Iterator[str]:
    seen: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    for number, level in sorted(benchmark.levels.items()):
        sides = frozenset(level.train), frozenset(level.test)
        if sides in seen:
            yield f"level {number} has the classes of level {seen[sides]}"
        seen.setdefault(sides, number)


def _walked(benchmark: Benchmark) -> Check:
    if not benchmark.walks:
        return unchecked(WALKED, "the file tells of no walks")
    fids = {step.id: step.fid for walk in benchmark.walks for step in walk.steps}
    try:
        splits = walked_splits(benchmark)
    except OodmlError as error:
        return checked(WALKED, [str(error)], "")
    problems = [
        problem
        for number, level in benchmark.levels.items()
        for problem in _unlike_its_step(number, level, fids, splits.get("0"))
    ]
    return checked(WALKED, problems, f"{len(fids)} steps of {len(benchmark.walks)} walks")


def _unlike_its_step(number: int, level: Level, fids: dict[str, float], start: Split | None) -> Iterator[str]:
    if level.step is None or level.step not in fids:
        # Targets are met by single swaps beside the walks.
        return
    if fids[level.step] != level.fid:
        yield f"level {number} has a FID of {level.fid!r}, its step {level.step} one of {fids[level.step]!r}"
    if start is None:
        return
    split = Split(level.train, level.test)
    swaps, removed = split.swaps_from(start), start.classes - split.classes
    if level.swaps != swaps:
        yield f"level {number} tells of {level.swaps} swaps from the default split, but there are {swaps}"
    if {*level.removed} != removed:
        yield f"level {number} tells of {len(level.removed)} removed classes, but there are {len(removed)}"
