"""Drawing aggregated generalisation scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from oodml_bench.evaluation import Curve, Estimate
from oodml_bench.reporting.curve_labels import galleries, label, metric_name, spread
from oodml_bench.reporting.palette import BLUE, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: By benchmark and name of the recipe.
_Scores = dict[tuple[str, str], Estimate]

#: Height of the bars of a recipe, where that of a recipe with its gap is 1.
_BARS = 0.8

#: Inches, unless told: of a single benchmark, and of each of several.
_WIDTH, _WIDTH_OF_EACH = 5.8, 3.0

#: Inches: of a recipe and for each of its bars; below a panel and above all; of a letter and a line.
_GAP, _BAR, _BELOW, _ABOVE, _LETTER, _LINE = 0.09, 0.15, 0.45, 0.6, 0.062, 0.12

#: Inches: those of panels below each other, which have to fit on a page.
_DENSE_GAP, _DENSE_BAR = 0.05, 0.105

#: Inches: of a number behind a bar, and the least width of a panel beside others.
_NUMBER, _LEAST_WIDTH = 0.85, 1.8

#: Share of a panel that numbers may take, where the names of recipes leave it little room.
_MOST = 0.6


def draw_ags(
    figure: Figure, curves: Sequence[Curve], controlled: Sequence[Curve], metric: str, width: float | None = None
) -> None:
    """Draw the AGS of each recipe as bars, highest first, and beside it that on galleries of one size, if any.

    Parameters
    ----------
    figure
        Empty; its size is set.
    curves
        At least one has an AGS. Those of each benchmark have a panel of their own, all in the order of their mean.
    controlled
        On galleries of one size, or none.
    metric
        Name of the metric of the scores.
    width
        Inches; by the number of benchmarks unless given.
    """
    shown = _scores(curves, curves)
    kinds = {"all classes of each level": shown}
    if beside := {known: score for known, score in _scores(controlled, curves).items() if known in shown}:
        kinds[galleries(controlled)] = beside
    names, benchmarks = _ordered(shown), sorted({benchmark for benchmark, _ in shown})
    if width is None:
        width = _WIDTH if len(benchmarks) == 1 else _WIDTH_OF_EACH * min(len(benchmarks), 3)
    note = _note(curves, kinds, width)
    panels = _laid_out(figure, names, benchmarks, len(kinds), width, _ABOVE + _LINE * note.count("\n"))
    for axes, benchmark in zip(panels, benchmarks, strict=True):
        _draw_panel(axes, kinds, benchmark, names)
        axes.set_xlabel(f"AGS: mean {metric_name(metric)} over FID")
        if len(benchmarks) > 1:
            axes.set_title(benchmark)
    _make_room(panels[0], _width_of_bars(names, len(benchmarks), width)[0])
    handles = {name: bar for axes in panels for bar, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        [handles[kind] for kind in kinds], list(kinds), loc="outside upper center", ncols=len(kinds), title=note
    )


def _width_of_bars(names: Sequence[str], benchmarks: int, width: float) -> tuple[float, int]:
    """Give about how wide a panel is without the names beside it, in inches, and how many have room."""
    free = width - _LETTER * max(map(len, names))
    columns = max(1, min(benchmarks, int(free / _LEAST_WIDTH)))
    return free / columns, columns


def _laid_out(
    figure: Figure, names: Sequence[str], benchmarks: Sequence[str], bars: int, width: float, above: float
) -> list[Axes]:
    """Give a panel a benchmark, all with the recipes at the same places."""
    _, columns = _width_of_bars(names, len(benchmarks), width)
    rows = -(-len(benchmarks) // columns)
    gap, bar = (_GAP, _BAR) if rows == 1 else (_DENSE_GAP, _DENSE_BAR)
    figure.set_size_inches(width, above + rows * (_BELOW + (gap + bar * bars) * len(names)))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels[len(benchmarks) :]:
        axes.set_visible(False)
    for axes in panels:
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelbottom=True)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return list(panels[: len(benchmarks)])


def _scores(curves: Sequence[Curve], named_among: Sequence[Curve]) -> _Scores:
    """Give the AGS of curves, with the names of their recipes as they are among others."""
    weights = {(curve.benchmark, curve.recipe): label(curve, named_among) for curve in named_among}
    return {
        (curve.benchmark, weights[curve.benchmark, curve.recipe]): curve.ags
        for curve in curves
        if curve.ags and (curve.benchmark, curve.recipe) in weights
    }


def _ordered(scores: _Scores) -> list[str]:
    """Give the names of recipes, that with the highest mean over benchmarks first."""
    means: dict[str, list[float]] = {}
    for (_, name), score in scores.items():
        means.setdefault(name, []).append(score.mean)
    return sorted(means, key=lambda name: (-float(np.mean(means[name])), name))


def _note(curves: Sequence[Curve], kinds: Mapping[str, _Scores], width: float) -> str:
    """Say what intervals are over, and which recipes are not drawn."""
    told = spread(score for scores in kinds.values() for score in scores.values())
    several = len({curve.benchmark for curve in curves}) > 1
    without = [
        label(curve, curves) + (f" on {curve.benchmark}" if several else "") for curve in curves if not curve.ags
    ]
    if not without:
        return told
    return f"{told}\n{fill('not on all levels by any seed: ' + ', '.join(without), int(width / _LETTER))}"


def _make_room(axes: Axes, width: float) -> None:
    """Leave this axis, of a width in inches, so much of it for the numbers behind bars."""
    low, high = axes.dataLim.intervalx
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    numbers = _NUMBER / max(width, _NUMBER / _MOST)
    axes.set_xlim(low, low + (high - low) / (1 - numbers))
    axes.set_xticks(ticks)
    for each in axes.get_shared_x_axes().get_siblings(axes):
        each.spines["bottom"].set_bounds(low, high)


def _draw_panel(axes: Axes, kinds: Mapping[str, _Scores], benchmark: str, names: Sequence[str]) -> None:
    """Draw the bars of a benchmark, those of a recipe around its place."""
    found = {
        kind: (colour, {names.index(name): score for (known, name), score in scores.items() if known == benchmark})
        for colour, (kind, scores) in zip((BLUE, SKY), kinds.items(), strict=False)
    }
    found = {kind: (colour, scores) for kind, (colour, scores) in found.items() if scores}
    thickness = _BARS / len(kinds)
    for number, (kind, (colour, scores)) in enumerate(found.items()):
        shift = thickness * (number - (len(found) - 1) / 2)
        shifted = {recipe + shift: score for recipe, score in scores.items()}
        _draw_bars(axes, shifted, thickness, colour, kind)


def _draw_bars(axes: Axes, scores: Mapping[float, Estimate], thickness: float, colour: str, name: str) -> None:
    """Draw bars from 0, since their lengths are compared, with the interval at their ends and the number behind."""
    means = [score.mean for score in scores.values()]
    axes.barh(list(scores), means, thickness, color=colour, linewidth=0, label=name)
    for place, score in scores.items():
        half = None if score.low is None else score.mean - score.low
        if half is not None:
            error: Any = {"color": "black", "linewidth": 0.8, "capsize": 1.8, "capthick": 0.8}
            axes.errorbar(score.mean, place, xerr=half, **error)
        text = f"{score.mean:.3f}" + ("" if half is None else f" ± {half:.3f}")
        end = (max(0.0, score.mean if score.high is None else score.high), place)
        axes.annotate(text, end, xytext=(4, 0), textcoords="offset points", va="center_baseline", fontsize="small")
