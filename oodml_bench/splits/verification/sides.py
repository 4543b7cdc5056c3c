"""Whether the sides of every level are disjoint, and account for every class."""

from __future__ import annotations

from collections.abc import Iterator

from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.verification.check import Check, checked, counted, repeated, unchecked
from oodml_bench.splits.verification.evidence import Evidence

NO_DUPLICATES = "no class is named twice on a side"
DISJOINT = "train and test are disjoint"
KNOWN = "every class is one of the dataset"
ACCOUNTED = "every class is used, removed or excluded"


def check_sides(benchmark: Benchmark, evidence: Evidence) -> list[Check]:
    """Check the two sides of every level."""
    levels = benchmark.levels.items()
    looked_at = f"{len(levels)} levels"
    return [
        checked(NO_DUPLICATES, (problem for number, level in levels for problem in _twice(number, level)), looked_at),
        checked(DISJOINT, (problem for number, level in levels for problem in _on_both(number, level)), looked_at),
        _known(benchmark, evidence),
        _accounted(benchmark, evidence),
    ]


def _twice(number: int, level: Level) -> Iterator[str]:
    for side, names in (("train", level.train), ("test", level.test), ("removed", level.removed)):
        if twice := repeated(names):
            yield f"level {number}, {side}: {counted(twice)}"


def _on_both(number: int, level: Level) -> Iterator[str]:
    if both := {*level.train} & {*level.test}:
        yield f"level {number}: on both sides {counted(both)}"
    for side, names in (("train", level.train), ("test", level.test)):
        if len(set(names)) < 2:
            yield f"level {number}: {side} holds {len(set(names))} classes; a distance needs 2 on each side"


def _known(benchmark: Benchmark, evidence: Evidence) -> Check:
    if not evidence.samples:
        return unchecked(KNOWN, "give --features or --images")
    problems = [
        f"level {number}: {source} lack {counted(strange)}"
        for source, samples in evidence.samples.items()
        for number, level in benchmark.levels.items()
        if (strange := {*level.train, *level.test, *level.removed} - samples.keys())
    ]
    sources = " and ".join(f"{len(samples)} classes of {source}" for source, samples in evidence.samples.items())
    return checked(KNOWN, problems, sources)


def _accounted(benchmark: Benchmark, evidence: Evidence) -> Check:
    """Check that no class is lost: at each level, or in a pickle, which names no removed class, at any."""
    everyone = _all_classes(benchmark, evidence)
    if not everyone:
        return unchecked(ACCOUNTED, "the file names no class but those of its levels: give --features or --images")
    if benchmark.provenance is None:
        used = {name for level in benchmark.levels.values() for name in (*level.train, *level.test)}
        lost = everyone - used
        problems = [f"at no level, and no reason is given: {counted(lost)}"] if lost else []
        return checked(ACCOUNTED, problems, f"{len(used)} classes at some level; a pickle alone names none as removed")
    found = [
        problem
        for number, level in benchmark.levels.items()
        for problem in _unaccounted(number, level, {*benchmark.excluded}, everyone)
    ]
    found += [f"no reason is given why {name!r} is excluded" for name, why in benchmark.excluded.items() if not why]
    return checked(ACCOUNTED, found, f"{len(everyone)} classes, {len(benchmark.excluded)} of them excluded")


def _unaccounted(number: int, level: Level, excluded: set[str], everyone: set[str]) -> Iterator[str]:
    used, removed = {*level.train, *level.test}, {*level.removed}
    if lost := everyone - used - removed - excluded:
        yield f"level {number}: neither used, removed nor excluded are {counted(lost)}"
    if twice := (used & removed) | (used & excluded) | (removed & excluded):
        yield f"level {number}: used, removed and excluded overlap in {counted(twice)}"


def _all_classes(benchmark: Benchmark, evidence: Evidence) -> set[str]:
    """Give all classes of the dataset, as far as anything tells of them."""
    return {name for samples in (benchmark.samples, *evidence.samples.values()) for name in samples}
