"""What the sides of a level look like: typical and borderline classes, and neighbours across the sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.reporting.report.classes import ClassTable
from oodml_bench.splits import Level

#: Classes of a kind that are shown.
SHOWN = 8


def sides_of_levels(table: ClassTable) -> list[dict[str, Any]] | None:
    """Give the classes to show for each level, as places among all classes; None without distances.

    A class lies the deeper in its side, the farther it is from the mean of the other side than from its own's: the rule
    of the published swaps. Typical classes lie deepest, borderline ones least deep.
    """
    if not table.has_distances:
        return None
    return [_sides(table, level) for level in table.benchmark.levels.values()]


def _sides(table: ClassTable, level: Level) -> dict[str, Any]:
    depths = dict(zip(("train", "test"), _depths(table, level), strict=True))
    found: dict[str, Any] = {}
    for side, names in (("train", level.train), ("test", level.test)):
        order = np.argsort(-depths[side], kind="stable")
        found[f"{side}_typical"] = _places(table, names, order[:SHOWN])
        found[f"{side}_borderline"] = _places(table, names, order[::-1][:SHOWN])
    return found | _neighbours(table, level)


def _depths(table: ClassTable, level: Level) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    means = np.asarray(table.means.means, dtype=np.float64) if table.means is not None else np.empty((0, 0))
    train, test = means[table.rows(level.train)], means[table.rows(level.test)]
    of_train, of_test = train.mean(axis=0), test.mean(axis=0)

    def deeper(side: NDArray[np.float64], own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        depth: NDArray[np.float64] = np.linalg.norm(side - other, axis=1) - np.linalg.norm(side - own, axis=1)
        return depth

    return deeper(train, of_train, of_test), deeper(test, of_test, of_train)


def _neighbours(table: ClassTable, level: Level) -> dict[str, Any]:
    """Give test classes with their nearest train class: those that are farthest from any, and those nearest to one."""
    distances = table.between(level)
    nearest = distances.argmin(axis=1)
    reach = distances[np.arange(len(distances)), nearest]
    order = np.argsort(-reach, kind="stable")

    def pairs(chosen: NDArray[np.intp]) -> list[list[float]]:
        return [
            [table.index[level.test[row]], table.index[level.train[nearest[row]]], round(float(reach[row]), 3)]
            for row in chosen
        ]

    return {"farthest": pairs(order[:SHOWN]), "nearest": pairs(order[::-1][:SHOWN])}


def _places(table: ClassTable, names: Sequence[str], chosen: NDArray[np.intp]) -> list[int]:
    return [table.index[names[row]] for row in chosen]


def shown_classes(sides: Sequence[dict[str, Any]] | None) -> set[int]:
    """Give the places of all classes that are shown."""
    places: set[int] = set()
    for level in sides or ():
        for name, found in level.items():
            places |= {int(p) for pair in found for p in pair[:2]} if name in ("farthest", "nearest") else set(found)
    return places
