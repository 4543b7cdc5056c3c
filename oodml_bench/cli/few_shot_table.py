"""Printing scores of few-shot episodes, before and after adaptation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from oodml_bench.cli.echo import echo
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.evaluation.few_shot import Gain
    from oodml_bench.evaluation.results import ResultRow
    from oodml_bench.evaluation.statistics import Estimate

#: What is shown of an adaptation that trains; of classifiers there is the accuracy alone.
METRICS = ("recall@1", "map@r", "accuracy")


def show_episodes(rows: Sequence[ResultRow]) -> None:
    """Print every episode of one run, a table for each number of shots and adaptation."""
    for (shots, adaptation), pairs in groupby(_gains(rows), key=lambda pair: (pair[0].shots, pair[0].adaptation)):
        gains = list(pairs)
        first = gains[0][0]
        echo(
            f"{first.benchmark}, level {first.level} (FID {first.fid:.4g}), {first.recipe}, seed {first.seed}: "
            f"{shots} shots, adapted by {adaptation}"
        )
        headings = [(metric, heading) for _, metric in gains for heading in ("before", "after", "gain")]
        lines = [
            (str(episode), *(cell for gain, _ in gains for cell in _scores(gain, place)))
            for place, episode in enumerate(first.episodes)
        ]
        lines += [
            ("mean", *(cell for gain, _ in gains for cell in _means(gain, "mean"))),
            ("± 95 %", *(cell for gain, _ in gains for cell in _means(gain, "half"))),
            ("relative", *(cell for gain, _ in gains for cell in ("", "", _percent(gain.relative_gain)))),
        ]
        show_table(("episode", *headings), lines, left=("episode",))
        echo()


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
    from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of

    for metric in ("recall@1", "accuracy"):
        if not any(row.metric == metric and row.adaptation for row in rows):
            continue
        curves = few_shot_curves(gains_of(rows, metric=metric))
        levels = sorted({pair for curve in curves for pair in zip(curve.fids, curve.levels, strict=True)})
        echo()
        echo(f"few-shot {metric} by level, before → after adaptation (means over seeds and episodes)")
        of_levels = [(f"level {level}", f"FID {fid:.4g}") for fid, level in levels]
        lines = []
        for curve in curves:
            cells = {
                level: f"{before.mean:.3f} → {after.mean:.3f}"
                for level, before, after in zip(curve.levels, curve.before, curve.after, strict=True)
            }
            shown = (cells.get(level, "–") for _, level in levels)
            lines.append((curve.recipe, curve.adaptation, str(curve.shots), *shown))
        show_table(("recipe", "adapted by", "shots", *of_levels), lines, left=("recipe", "adapted by"))


def show_gains(rows: Sequence[ResultRow]) -> None:
    """Print a line for each run, number of shots and adaptation: means over episodes, with 95 % intervals."""
    named = ("recipe", "adapted by", "metric")
    lines = [
        (
            gain.recipe, gain.adaptation, metric, str(gain.shots), str(gain.level), f"{gain.fid:.4g}",
            str(gain.seed), f"{gain.before_estimate.mean:.3f}", f"{gain.after_estimate.mean:.3f}",
            _interval(gain.gain), _percent(gain.relative_gain),
        )
        for gain, metric in _gains(rows)
        if metric != "map@r"
    ]  # fmt: skip
    echo("few-shot adaptation: means over episodes, and 95 % t-intervals of the gains")
    numbers = ("shots", "level", "FID", "seed", "before", "after", "gain", "relative")
    show_table((*named, *numbers), lines, left=named)


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
