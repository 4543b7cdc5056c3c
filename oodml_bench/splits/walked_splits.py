"""The classes of every step of a benchmark's walks, which its file keeps as differences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.splits.benchmark import Benchmark, WalkedStep
from oodml_bench.splits.split import Split


def walked_splits(benchmark: Benchmark) -> dict[str, Split]:
    """Rebuild the splits of the walked steps from the levels, whose classes are known in full.

    A level leads to the steps before and behind it, and from walk to walk: those of swaps share step `0`, and removal
    begins at the hardest step of `harder`. Nothing leads back over a removal, since a file does not say on which side
    the removed classes stood.

    Parameters
    ----------
    benchmark
        With walks; without them nothing is rebuilt.

    Returns
    -------
    dict
        Step → split, for the steps that can be rebuilt.

    Raises
    ------
    BenchmarkFileError
        Where levels and walks contradict each other.
    """
    links = list(_links(benchmark))
    walked = {step.id for walk in benchmark.walks for step in walk.steps}
    known = {level.step: Split(level.train, level.test) for level in benchmark.levels.values() if level.step in walked}
    before = -1
    while len(known) > before:
        before = len(known)
        for first, step in links:
            if first in known and step.id not in known:
                known[step.id] = _after(known[first], step)
        for first, step in reversed(links):
            if step.id in known and first not in known and not step.removed:
                known[first] = _undone(known[step.id], step)
    for first, step in links:
        if first in known and known[step.id] != _after(known[first], step):
            raise BenchmarkFileError(
                f"the levels of {benchmark.name} do not fit its walks: step {step.id} does not follow from "
                f"step {first}. The JSON file was changed by hand: build the benchmark again."
            )
    return known


def _links(benchmark: Benchmark) -> Iterator[tuple[str, WalkedStep]]:
    """Give each step with the id of the one from which it came."""
    for walk in benchmark.walks:
        for first, step in pairwise(walk.steps):
            yield first.id, step
    by_kind = {walk.kind: walk.steps for walk in benchmark.walks}
    if "harder" in by_kind and "removal" in by_kind:
        hardest = max(by_kind["harder"], key=lambda step: step.fid)
        yield hardest.id, by_kind["removal"][0]


def _after(split: Split, step: WalkedStep) -> Split:
    gone = {*step.removed}
    return Split(
        train=tuple({*split.train, *step.to_train} - {*step.to_test} - gone),
        test=tuple({*split.test, *step.to_test} - {*step.to_train} - gone),
    )


def _undone(split: Split, step: WalkedStep) -> Split:
    return Split(
        train=tuple({*split.train, *step.to_test} - {*step.to_train}),
        test=tuple({*split.test, *step.to_train} - {*step.to_test}),
    )
