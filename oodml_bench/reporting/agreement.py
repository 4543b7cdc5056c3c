"""Drawing one ladder under several features."""

from __future__ import annotations

from itertools import cycle
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from oodml_bench.reporting.palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from oodml_bench.splits import Agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from oodml_bench.splits.scores import Scores

#: Six colours and five markers: thirty features before a pair of both comes again.
_COLOURS = (VERMILLION, BLUE, GREEN, PURPLE, ORANGE, SKY)
_MARKERS = ("s", "^", "D", "v", "P")

#: Tints that black numbers stay legible on: rank correlations of -1, 0 and 1.
_TINTS = ("#F0B48A", "#FFFFFF", "#8DC0E3")

#: Inches: of the panel of levels, of a cell of the matrix, and for the labels beside it.
_LEVELS_WIDTH, _CELL, _LABELS = 4.0, 0.46, 1.9

#: Letters on a line of a label: paths are broken, not cut, since their ends tell them apart as often as their starts.
_LINE = 24


def draw_agreement(figure: Figure, agreement: Agreement) -> None:
    """Draw the normalised FID over the levels, a line for each of the features, and their rank correlations."""
    # The features that the benchmark was built from lie upon its own FIDs.
    shown = [agreement.own, *(scores for scores in agreement.others if not scores.built_from)]
    matrix = _CELL * len(shown)
    figure.set_size_inches(_LEVELS_WIDTH + matrix + _LABELS, max(3.4, matrix + 0.9))
    left, right = figure.subplots(1, 2, width_ratios=(_LEVELS_WIDTH, matrix + _LABELS))
    _draw_levels(left, shown)
    _draw_correlations(right, agreement, [scores.label for scores in shown])


def _draw_levels(axes: Axes, shown: list[Scores]) -> None:
    own, *others = shown
    numbers = list(own.levels)
    emphasis: Any = {"color": "black", "linewidth": 2.2, "markersize": 5.5, "zorder": 3}
    axes.plot(numbers, _heights(own), "o-", label=_broken(own.label), **emphasis)
    ordered = (scores for scores in others if scores.has_order)
    for scores, colour, marker in zip(ordered, cycle(_COLOURS), cycle(_MARKERS), strict=False):
        style: Any = {"color": colour, "marker": marker, "linewidth": 1.2, "markersize": 4.5, "markeredgewidth": 0}
        axes.plot(numbers, _heights(scores), label=_broken(scores.label), **style)
    axes.set_xticks(numbers)
    axes.set(xlabel="level", ylabel="normalised FID of train and test", ylim=(-0.04, 1.04))
    axes.grid(axis="y")
    axes.legend()


def _heights(scores: Scores) -> list[float]:
    return [score.normalised for score in scores.levels.values() if score.normalised is not None]


def _draw_correlations(axes: Axes, agreement: Agreement, labels: list[str]) -> None:
    """Draw a matrix: Spearman's rank correlation above the diagonal, Kendall's below."""
    values = np.full((len(labels), len(labels)), np.nan)
    for row, first in enumerate(labels):
        for column, second in enumerate(labels[row + 1 :], start=row + 1):
            pair = agreement.correlation(first, second)
            if pair.spearman is not None and pair.kendall is not None:
                values[row, column], values[column, row] = pair.spearman, pair.kendall
    axes.imshow(values, cmap=_tints(), vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        if row != column:
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.annotate(text, (column, row), ha="center", va="center_baseline")
    places = range(len(labels))
    axes.set_xticks(places, [str(place + 1) for place in places])
    axes.set_yticks(places, [f"{_broken(label)}  {place}" for place, label in enumerate(labels, 1)])
    # White lines part the cells.
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("rank correlation\nSpearman above,\nKendall below")


def _broken(label: str) -> str:
    return "\n".join(wrap(label, _LINE))


def _tints() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("tints", _TINTS).with_extremes(bad="0.94")
