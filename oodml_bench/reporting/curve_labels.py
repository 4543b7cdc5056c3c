"""What curves of scores are called in figures, and the order that they come in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from oodml_bench.evaluation import Curve, Estimate
from oodml_bench.printing import printable

_NAMES = {"map@r": "MAP@R", "map@1000": "mAP@1000", "nmi": "NMI", "f1": "F1"}


def metric_name(metric: str) -> str:
    """Give the name that readers of the field know a metric by."""
    return _NAMES.get(metric, metric.capitalize())


def height(curve: Curve) -> float:
    """Give what curves are ordered by: the AGS, or the mean of what there is."""
    if curve.ags is not None:
        return curve.ags.mean
    known = curve.mean[np.isfinite(curve.mean)]
    return float(known.mean()) if len(known) else -np.inf


def label(curve: Curve, curves: Sequence[Curve]) -> str:
    """Name the recipe of a curve, with its weights where others have other weights."""
    differ = len({other.weights for other in curves}) > 1
    recipe = printable(curve.recipe)
    return f"{recipe} ({curve.weights} weights)" if differ else recipe


def by_benchmark(curves: Iterable[Curve]) -> dict[str, list[Curve]]:
    """Give the curves of each benchmark, both by name and highest curve first."""
    found: dict[str, list[Curve]] = {}
    for curve in sorted(curves, key=lambda curve: (curve.benchmark, -height(curve), curve.recipe)):
        found.setdefault(curve.benchmark, []).append(curve)
    return found


def galleries(curves: Iterable[Curve]) -> str:
    """Say how many classes galleries are of."""
    sizes = sorted({curve.gallery_classes for curve in curves if curve.gallery_classes is not None})
    return f"galleries of {' or '.join(map(str, sizes))} classes"


def spread(estimates: Iterable[Estimate | None]) -> str:
    """Say what the intervals are over: the seeds that have a score there."""
    counts = sorted({estimate.count for estimate in estimates if estimate is not None})
    if not counts or counts == [1]:
        return "one seed: no interval"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean and 95 % t-interval over {seeds} seeds" + (", none over one" if counts[0] == 1 else "")
