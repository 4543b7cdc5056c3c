"""Results of runs, as the page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from oodml_bench.evaluation import Curve, ResultRow, curves_of, read_results
from oodml_bench.evaluation.few_shot import FewShotCurve, few_shot_curves, gains_of
from oodml_bench.evaluation.statistics import Estimate
from oodml_bench.splits import Benchmark

#: What is drawn where there is a choice of metrics, first.
FIRST_METRICS = ("recall@1", "map@r", "nmi")


@dataclass(frozen=True, eq=False)
class Results:
    """What runs on a benchmark came to.

    Attributes
    ----------
    rows
        Results of the benchmark; those of others in the same folder are left out.
    unfinished
        Folders of runs without results.
    """

    rows: tuple[ResultRow, ...] = field(repr=False)
    unfinished: tuple[str, ...] = ()

    @classmethod
    def of(cls, runs: Path, benchmark: Benchmark) -> Results:
        """Read the results in a folder of runs and below, or in a results table.

        Raises
        ------
        RunError
            Where there are none, or they are damaged or contradict each other.
        """
        rows = tuple(row for row in read_results(runs) if row.benchmark == benchmark.name)
        folders = sorted(file.parent for file in runs.rglob("run.json")) if runs.is_dir() else []
        unfinished = [folder for folder in folders if not (folder / "results.jsonl").is_file()]
        return cls(rows, tuple(folder.relative_to(runs).as_posix() for folder in unfinished))

    @property
    def metrics(self) -> list[str]:
        """Metrics of zero-shot scores, those first that a reader wants first."""
        there = dict.fromkeys(row.metric for row in self.rows if row.shots == 0)
        return [metric for metric in FIRST_METRICS if metric in there] + sorted(set(there) - {*FIRST_METRICS})

    def curves(self, metric: str, *, fixed_gallery: bool) -> list[Curve]:
        """Give the curves of a metric; none where there are no such scores."""
        if not any(
            row.metric == metric and row.shots == 0 and (row.gallery_classes is not None) == fixed_gallery
            for row in self.rows
        ):
            return []
        return curves_of(self.rows, metric, None, fixed_gallery)

    def few_shot(self) -> list[FewShotCurve]:
        """Give Recall@1 before and after each adaptation; none where nothing was adapted."""
        if not any(row.adaptation is not None and row.metric == "recall@1" for row in self.rows):
            return []
        return few_shot_curves(gains_of(self.rows, metric="recall@1"))

    def content(self) -> dict[str, Any]:
        """Give all of it in built-in types."""
        return {
            "metrics": [
                {
                    "metric": metric,
                    "raw": _curves(self.curves(metric, fixed_gallery=False)),
                    "controlled": _curves(self.curves(metric, fixed_gallery=True)),
                }
                for metric in self.metrics
            ],
            "few_shot": [_few_shot(curve) for curve in self.few_shot()],
            "unfinished": list(self.unfinished),
        }


def _curves(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    leading = best_and_equal(curves)
    return [_curve(curve) | {"leading": curve.recipe in leading} for curve in curves]


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "recipe": curve.recipe,
        "weights": curve.weights,
        "levels": list(curve.levels),
        "fids": list(curve.fids),
        "mean": [None if not np.isfinite(mean) else float(mean) for mean in curve.mean],
        "low": [None if level is None else level.low for level in curve.at_levels],
        "high": [None if level is None else level.high for level in curve.at_levels],
        "seeds": len(curve.seeds),
        "ags": _estimate(curve.ags),
        "gallery": curve.gallery_classes,
    }


def _few_shot(curve: FewShotCurve) -> dict[str, Any]:
    return {
        "recipe": curve.recipe,
        "shots": curve.shots,
        "adaptation": curve.adaptation,
        "levels": list(curve.levels),
        "fids": list(curve.fids),
        "before": [estimate.mean for estimate in curve.before],
        "after": [estimate.mean for estimate in curve.after],
        "gain": [None if estimate is None else estimate.mean for estimate in curve.relative_gain],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high, "count": estimate.count}


def best_and_equal(curves: Sequence[Curve]) -> set[str]:
    """Name the recipes whose AGS cannot be told from the best: whose interval reaches the best's, or has none."""
    known = [(curve.recipe, curve.ags) for curve in curves if curve.ags is not None]
    if not known:
        return set()
    _, best = max(known, key=lambda pair: pair[1].mean)
    lowest = best.mean if best.low is None else best.low
    return {recipe for recipe, ags in known if (ags.mean if ags.high is None else ags.high) >= lowest}
