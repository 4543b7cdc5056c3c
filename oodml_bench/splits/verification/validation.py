"""Whether the validation splits divide the train classes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.verification.check import Check, checked, counted, repeated, unchecked

DIVIDED = "validation splits divide the train classes exactly"


def check_validation(benchmark: Benchmark) -> Check:
    """Check the validation split of every level."""
    if not any(level.split_train or level.split_val for level in benchmark.levels.values()):
        return unchecked(DIVIDED, "the file holds none")
    fraction = None if benchmark.provenance is None else benchmark.provenance.settings.get("val_fraction")
    problems = [
        problem
        for number, level in benchmark.levels.items()
        for problem in _undivided(number, level, fraction if isinstance(fraction, float | int) else None)
    ]
    return checked(DIVIDED, problems, f"{len(benchmark.levels)} levels")


def _undivided(number: int, level: Level, fraction: float | None) -> Iterator[str]:
    train, kept, held_out = {*level.train}, {*level.split_train}, {*level.split_val}
    for what, names in (
        ("in both parts", kept & held_out),
        ("in neither part", train - kept - held_out),
        ("no train classes of this level", (kept | held_out) - train),
        ("named twice", {*repeated(level.split_train), *repeated(level.split_val)}),
    ):
        if names:
            yield f"level {number}: {what}: {counted(names)}"
    if fraction is not None and len(kept) != math.floor((1 - fraction) * len(train) + 1e-9):
        yield f"level {number}: {len(kept)} of {len(train)} train classes are trained on, not {1 - fraction:.0%}"
