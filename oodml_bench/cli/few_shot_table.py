"""Printing scores of few-shot episodes, before and after adaptation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from oodml_bench.evaluation.few_shot import Gain
    from oodml_bench.evaluation.results import ResultRow
    from oodml_bench.evaluation.statistics import Estimate

#: What is shown of an adaptation that trains; of classifiers there is the accuracy alone.
METRICS = ("recall@1", "map@r", "accuracy")


def show_episodes(rows: Sequence[ResultRow]) -> None:
    """Print every episode of one run, a table for each number of shots and adaptation."""
    from rich.table import Table

    for (shots, adaptation), pairs in groupby(_gains(rows), key=lambda pair: (pair[0].shots, pair[0].adaptation)):
        gains = list(pairs)
        first = gains[0][0]
        click.echo(
            f"{first.benchmark}, level {first.level} (FID {first.fid:.4g}), {first.recipe}, seed {first.seed}: "
            f"{shots} shots, adapted by {adaptation}"
        )
        table = Table(box=None, pad_edge=False)
        table.add_column("episode", no_wrap=True)
        for _, metric in gains:
            for heading in ("before", "after", "gain"):
                table.add_column(f"{metric}\n{heading}", justify="right", no_wrap=True)
        for place, episode in enumerate(first.episodes):
            table.add_row(str(episode), *(cell for gain, _ in gains for cell in _scores(gain, place)))
        table.add_row("mean", *(cell for gain, _ in gains for cell in _means(gain, "mean")))
        table.add_row("± 95 %", *(cell for gain, _ in gains for cell in _means(gain, "half")))
        table.add_row("relative", *(cell for gain, _ in gains for cell in ("", "", _percent(gain.relative_gain))))
        _print(table)
        click.echo()


def _scores(gain: Gain, place: int) -> tuple[str, str, str]:
    before, after = gain.before[place], gain.after[place]
    return f"{before:.4f}", f"{after:.4f}", f"{after - before:+.4f}"


def _means(gain: Gain, kind: str) -> tuple[str, str, str]:
    estimates = (gain.before_estimate, gain.after_estimate, gain.gain)
    if kind == "mean":
        return f"{estimates[0].mean:.4f}", f"{estimates[1].mean:.4f}", f"{estimates[2].mean:+.4f}"
    halves = ("–" if each.low is None else f"{each.mean - each.low:.4f}" for each in estimates)
    return next(halves), next(halves), next(halves)


def show_few_shot(rows: Sequence[ResultRow]) -> None:
    """Print the gains by level, where runs were adapted: a line a recipe, number of shots and adaptation."""
    from rich.table import Table
    from rich.text import Text

    from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of

    for metric in ("recall@1", "accuracy"):
        if not any(row.metric == metric and row.adaptation for row in rows):
            continue
        curves = few_shot_curves(gains_of(rows, metric=metric))
        levels = sorted({pair for curve in curves for pair in zip(curve.fids, curve.levels, strict=True)})
        click.echo()
        click.echo(f"few-shot {metric} by level, before → after adaptation (means over seeds and episodes)")
        table = Table(box=None, pad_edge=False)
        for heading in ("recipe", "adapted by"):
            table.add_column(heading, no_wrap=True)
        table.add_column("shots", justify="right", no_wrap=True)
        for fid, level in levels:
            table.add_column(f"level {level}\nFID {fid:.4g}", justify="right", no_wrap=True)
        for curve in curves:
            cells = {
                level: f"{before.mean:.3f} → {after.mean:.3f}"
                for level, before, after in zip(curve.levels, curve.before, curve.after, strict=True)
            }
            shown = (cells.get(level, "–") for _, level in levels)
            table.add_row(Text(curve.recipe), Text(curve.adaptation), str(curve.shots), *shown)
        _print(table)


def show_gains(rows: Sequence[ResultRow]) -> None:
    """Print a line for each run, number of shots and adaptation: means over episodes, with 95 % intervals."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("recipe", "adapted by", "metric"):
        table.add_column(heading, no_wrap=True)
    for heading in ("shots", "level", "FID", "seed", "before", "after", "gain", "relative"):
        table.add_column(heading, justify="right", no_wrap=True)
    for gain, metric in _gains(rows):
        if metric != "map@r":
            table.add_row(
                Text(gain.recipe), Text(gain.adaptation), metric, str(gain.shots), str(gain.level), f"{gain.fid:.4g}",
                str(gain.seed), f"{gain.before_estimate.mean:.3f}", f"{gain.after_estimate.mean:.3f}",
                _interval(gain.gain), _percent(gain.relative_gain),
            )  # fmt: skip
    click.echo("few-shot adaptation: means over episodes, and 95 % t-intervals of the gains")
    _print(table)


def _gains(rows: Sequence[ResultRow]) -> list[tuple[Gain, str]]:
    """Give the gains on all classes of the episodes, with the metric of each; adaptation by adaptation."""
    from oodml_bench.evaluation.few_shot import gains_of

    there = {(row.metric, row.adaptation) for row in rows if row.adaptation is not None}
    found = [
        (gain, metric)
        for metric in METRICS
        if any(known == metric for known, _ in there)
        for gain in gains_of(rows, metric=metric)
    ]
    return sorted(found, key=lambda pair: _order(*pair))


def _order(gain: Gain, metric: str) -> tuple[object, ...]:
    return gain.benchmark, gain.shots, gain.adaptation, METRICS.index(metric), gain.recipe, gain.seed, gain.level


def _interval(estimate: Estimate) -> str:
    mean = f"{estimate.mean:+.4f}"
    return mean if estimate.low is None else f"{mean} ± {estimate.mean - estimate.low:.4f}"


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    mean = f"{100 * estimate.mean:+.1f}"
    return f"{mean} %" if estimate.low is None else f"{mean} ± {100 * (estimate.mean - estimate.low):.1f} %"


def _print(table: Table) -> None:
    from rich.console import Console

    # Columns are never cut: a narrow terminal wraps, and a pipe gets whole lines.
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)
