"""What should make a reader careful, at the top of the page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml_bench.evaluation import Curve
from oodml_bench.reporting.report.classes import ClassTable

#: Cosine of two class means, taken from the mean of all, above which they are called nearly the same.
NEARLY_THE_SAME = 0.95

#: Pairs that are named.
_NAMED = 3


def findings(table: ClassTable, curves: Sequence[Curve]) -> list[str]:
    """Give a sentence for each thing that was found."""
    return [*_within_the_band(table), *_rising(curves), *_twins(table)]


def _within_the_band(table: ClassTable) -> list[str]:
    inside = [
        number
        for number, level in table.benchmark.levels.items()
        if level.calibration is not None and level.calibration.inside_band
    ]
    if not inside:
        return []
    numbers = ", ".join(map(str, inside))
    return [f"The FID of level {numbers} lies within the band of random splits of the same classes."]


def _rising(curves: Sequence[Curve]) -> list[str]:
    found: dict[tuple[int, int], list[str]] = {}
    for curve in curves:
        for pair, by in curve.changes.items():
            if by > 0:
                found.setdefault(pair, []).append(curve.recipe)
    size = next((curve.gallery_classes for curve in curves if curve.gallery_classes), None)
    where = "" if size is None else f" on galleries of {size} classes"
    return [
        f"Recall@1{where} rises from level {easier} to level {harder} for {len(recipes)} of {len(curves)} recipes, "
        "although the FID does."
        for (easier, harder), recipes in sorted(found.items())
        if 2 * len(recipes) > len(curves)
    ]


def _twins(table: ClassTable) -> list[str]:
    """Name classes on opposite sides whose means nearly coincide, at the level that has most of them."""
    if not table.has_distances or table.means is None:
        return []
    means = np.asarray(table.means.means, dtype=np.float64)
    centred = means - means.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    worst: tuple[int, int, list[str]] = (0, 0, [])
    for number, level in table.benchmark.levels.items():
        cosines = centred[table.rows(level.test)] @ centred[table.rows(level.train)].T
        close = np.argwhere(cosines > NEARLY_THE_SAME)
        if len(close) > worst[0]:
            order = np.argsort(-cosines[close[:, 0], close[:, 1]], kind="stable")[:_NAMED]
            names = [f"{level.test[test]} and {level.train[train]}" for test, train in close[order]]
            worst = (len(close), number, names)
    count, number, names = worst
    if not count:
        return []
    return [
        f"{count} pairs of classes on opposite sides of level {number} have nearly the same mean (cosine above "
        f"{NEARLY_THE_SAME}, from the mean of all): {'; '.join(names)}{' …' if count > _NAMED else ''}"
    ]
