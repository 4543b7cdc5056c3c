"""The progressions of a benchmark, as the page draws them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oodml_bench.reporting.report.classes import ClassTable
from oodml_bench.splits.benchmark import WalkedStep


def walks_of(table: ClassTable) -> list[dict[str, Any]]:
    """Give each walk: the names, places and FIDs of its steps, and the classes that each of them moved."""
    return [{"kind": walk.kind, "steps": [_step(step, table) for step in walk.steps]} for walk in table.benchmark.walks]


def _step(step: WalkedStep, table: ClassTable) -> dict[str, Any]:
    def places(names: Iterable[str]) -> list[int]:
        return [table.index[name] for name in names if name in table.index]

    return {
        "id": step.id,
        "place": int(step.id.removeprefix("R")),
        "fid": step.fid,
        "to_test": places(step.to_test),
        "to_train": places(step.to_train),
        "removed": places(step.removed),
    }
