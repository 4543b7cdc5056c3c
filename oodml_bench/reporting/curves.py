"""Drawing scores over hardness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation import Curve, Estimate
from oodml_bench.reporting.curve_labels import by_benchmark, galleries, height, label, metric_name, spread
from oodml_bench.reporting.deviations import draw_deviations
from oodml_bench.reporting.level_names import name_levels
from oodml_bench.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Seven colours, eleven markers and three strokes: a reader who sees no colours has the markers, which come again only
#: in another colour and stroke.
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
_STROKES = ("-", (0, (4, 1.5)), (0, (1, 1)))

#: Inches, unless told: of a single benchmark, and of each of several.
_WIDTH, _WIDTH_OF_EACH = 5.8, 3.4

#: Inches: the least width of a benchmark beside others and of a figure with marks of full size, and the least height.
_LEAST_WIDTH, _WIDE, _LEAST_HEIGHT = 2.1, 3.0, 1.7

#: Inches: the height of scores where benchmarks are below each other, which have to fit on a page.
_DENSE_HEIGHT = 1.5

#: Height of scores relative to the width, and that of deviations relative to the height of scores.
_HIGH, _LOWER = 0.6, 0.75

#: Inches: about those of a key in the legend, of a letter beside it, and of a line.
_KEY, _LETTER, _LINE = 0.48, 0.058, 0.16


def draw_curves(
    figure: Figure, curves: Sequence[Curve], metric: str, *, relative: bool = False, width: float | None = None
) -> None:
    """Draw the mean score over the FID, a line a recipe, highest first in the legend, and a band for its interval.

    Parameters
    ----------
    figure
        Empty; its size is set.
    curves
        One or more; those of each benchmark have a panel of their own.
    metric
        Name of the metric of the scores.
    relative
        Draw below the scores what they deviate from the mean over recipes, with a straight line of least squares.
    width
        Inches; by the number of benchmarks unless given.

    Raises
    ------
    InputError
        Where deviations have no value: see `relative_deviations`.
    """
    groups = by_benchmark(curves)
    if width is None:
        width = _WIDTH if len(groups) == 1 else _WIDTH_OF_EACH * min(len(groups), 3)
    columns = _columns(len(groups), width)
    styles = _styles(curves, wide=width / columns > _WIDE)
    names = max(1, min(len(styles), 4, int(width / (_KEY + _LETTER * max(map(len, styles))))))
    above = _LINE * (2 + -(-len(styles) // names))
    panels = _laid_out(figure, len(groups), columns, relative, width, above)
    for place, (benchmark, group) in enumerate(groups.items()):
        scores, *deviations = panels[place]
        named = {label(curve, curves): curve for curve in group}
        _draw_scores(scores, named, styles)
        name_levels(scores, group, width / columns)
        if len(groups) > 1:
            scores.set_title(benchmark, pad=15)
        for axes in deviations:
            draw_deviations(axes, named, styles)
        panels[place][-1].set_xlabel("FID of train and test")
    for scores, *deviations in panels[::columns]:
        scores.set_ylabel(_axis_name(metric, curves))
        for axes in deviations:
            axes.set_ylabel("deviation from the\nmean of recipes (%)")
    note = spread(estimate for curve in curves for estimate in curve.at_levels)
    handles = dict(sorted(_handles(panels), key=lambda pair: list(styles).index(pair[0])))
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=names, title=note)


def _laid_out(
    figure: Figure, benchmarks: int, columns: int, relative: bool, width: float, above: float
) -> NDArray[np.object_]:
    """Give panels, shape (benchmarks, 1 or 2): as many benchmarks beside each other as have room."""
    blocks = -(-benchmarks // columns)
    high = max(_LEAST_HEIGHT, _HIGH * width / columns) if blocks == 1 else _DENSE_HEIGHT
    heights = [high, _LOWER * high] if relative else [high]
    figure.set_size_inches(width, above + blocks * sum(heights))
    grid = figure.subplots(blocks * len(heights), columns, squeeze=False, height_ratios=heights * blocks)
    panels = grid.reshape(blocks, len(heights), columns).swapaxes(1, 2).reshape(-1, len(heights))
    for axes in panels[benchmarks:].ravel():
        axes.set_visible(False)
    for axes in panels.ravel():
        axes.grid(axis="y")
    for scores, *deviations in panels:
        for lower in deviations:
            lower.sharex(scores)
            scores.tick_params(labelbottom=False)
    return panels[:benchmarks]


def _columns(benchmarks: int, width: float) -> int:
    most = max(1, int(width / _LEAST_WIDTH))
    blocks = -(-benchmarks // most)
    return -(-benchmarks // blocks)


def _styles(curves: Sequence[Curve], *, wide: bool) -> dict[str, Any]:
    """Give how each recipe is drawn in all panels, highest first."""
    heights: dict[str, list[float]] = {}
    for curve in curves:
        heights.setdefault(label(curve, curves), []).append(height(curve))
    ordered = sorted(heights, key=lambda name: (-float(np.mean(heights[name])), name))
    size = 4.5 if wide else 3.2
    return {
        name: {
            "color": _COLOURS[number % len(_COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "linestyle": _STROKES[number // len(_COLOURS) % len(_STROKES)],
            "linewidth": 1.2 if wide else 0.9,
            "markersize": size,
            "markeredgecolor": "white",
            "markeredgewidth": 0.1 * size,
        }
        for number, name in enumerate(ordered)
    }


def _handles(panels: NDArray[np.object_]) -> Iterable[tuple[str, Any]]:
    for axes in panels[:, 0]:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            yield name, handle


def _draw_scores(axes: Axes, curves: Mapping[str, Curve], styles: Mapping[str, Any]) -> None:
    for name, curve in curves.items():
        axes.plot(curve.fids, curve.mean, label=name, zorder=3, **styles[name])
        lows, highs = _ends(curve.at_levels)
        axes.fill_between(curve.fids, lows, highs, color=styles[name]["color"], alpha=0.15, linewidth=0, zorder=2)
    axes.margins(x=0.03, y=0.06)
    _keep_lines_apart(axes, list(curves.values()))


def _keep_lines_apart(axes: Axes, curves: Sequence[Curve]) -> None:
    """Let wide bands leave the axes: over two or three seeds they may be many times as wide as the scores differ."""
    means = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in curves])
    if len(means) and (apart := float(np.ptp(means))) > 0:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, means.min() - apart), min(high, means.max() + apart))


def _ends(estimates: Sequence[Estimate | None]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the ends of intervals; NaN where there is none, which leaves a gap."""
    ends = [(np.nan, np.nan) if each is None or each.low is None else (each.low, each.high) for each in estimates]
    lows, highs = np.array(ends, dtype=np.float64).T
    return lows, highs


def _axis_name(metric: str, curves: Sequence[Curve]) -> str:
    fixed = any(curve.gallery_classes is not None for curve in curves)
    return f"{metric_name(metric)}, {galleries(curves)}" if fixed else metric_name(metric)
