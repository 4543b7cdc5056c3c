"""Printing scores over the levels of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from oodml_bench.evaluation.curves import Curve
    from oodml_bench.evaluation.results import ResultRow
    from oodml_bench.evaluation.statistics import Estimate


def show_scores(rows: Sequence[ResultRow], metric: str, untrained: Sequence[ResultRow] = ()) -> None:
    """Print a metric over the levels, raw and on galleries of one size, and whether it falls as the FID rises.

    What was not trained is shown first, and is not judged.
    """
    from oodml_bench.evaluation.curves import agreement_of_curves, curves_of

    weights = "selected" if any(row.weights == "selected" for row in rows) else rows[0].weights
    raw, controlled = (curves_of(rows, metric, weights=weights, fixed_gallery=fixed) for fixed in (False, True))
    marks = (curves_of(untrained, metric, "given", fixed) if untrained else [] for fixed in (False, True))
    _show_curves(f"{metric} by level, all test classes ({weights} weights, mean over seeds)", [*next(marks), *raw])
    size = controlled[0].gallery_classes
    click.echo()
    title = f"{metric} by level, on galleries of {size} classes: the same number at every level"
    _show_curves(title, [*next(marks), *controlled])
    click.echo()
    if len(raw[0].levels) > 1:
        _show_verdict(metric, raw, controlled)
    agreement = agreement_of_curves(controlled)
    if agreement is not None:
        click.echo(
            f"recipes keep their order from level to level: Kendall's W {agreement.kendalls_w:.2f}, "
            f"mean tau {agreement.mean_tau:+.2f}"
        )


def _show_curves(title: str, curves: Sequence[Curve]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    click.echo(title)
    table = Table(box=None, pad_edge=False)
    table.add_column("level\nFID", no_wrap=True)
    for level, fid in zip(curves[0].levels, curves[0].fids, strict=True):
        table.add_column(f"{level}\n{fid:.0f}" if fid >= 100 else f"{level}\n{fid:.1f}", justify="right", no_wrap=True)
    for heading in ("AGS (95 %)", "Spearman", "seeds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for curve in curves:
        scores = (f"{mean:.3f}" if mean == mean else "–" for mean in curve.mean)  # NaN differs from itself
        correlation = "–" if curve.spearman is None else f"{curve.spearman:+.2f}"
        table.add_row(Text(curve.recipe), *scores, _interval(curve.ags), correlation, str(len(curve.seeds)))
    # Columns are never cut: a narrow terminal wraps, and a pipe gets whole lines.
    Console(width=max(Console().width, 150)).print(table)


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.4f}"
    return f"{estimate.mean:.4f} ± {(estimate.high - estimate.low) / 2:.4f}"


def _show_verdict(metric: str, raw: Sequence[Curve], controlled: Sequence[Curve]) -> None:
    for name, curves in (("on all test classes", raw), ("on galleries of one size", controlled)):
        rising = [curve for curve in curves if curve.rises]
        if not rising:
            click.echo(f"{name}, {metric} falls with every level that has a higher FID: it is a ladder")
            continue
        click.echo(
            f"{name}, {metric} falls all the way for {len(curves) - len(rising)} of {len(curves)} recipes; it RISES"
        )
        for curve in rising:
            click.echo(f"  for {curve.recipe} from {', '.join(_rise(curve, *pair) for pair in curve.rises)}")


def _rise(curve: Curve, easier: int, harder: int) -> str:
    by = curve.mean[curve.levels.index(harder)] - curve.mean[curve.levels.index(easier)]
    return f"level {easier} to {harder} (+{by:.3f})"
