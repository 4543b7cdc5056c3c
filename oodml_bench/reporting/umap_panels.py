"""Drawing levels over one common UMAP embedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from oodml_bench.reporting.embedding import Embedding, Points
from oodml_bench.reporting.palette import BLUE, GREY, VERMILLION
from oodml_bench.splits import Level

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches: of a panel and of the figure at least, unless told; of a panel beside its gap; for what is above all panels.
_PANEL, _LEAST_WIDTH, _TITLE, _ABOVE = 2.7, 4.0, 0.1, 0.5

#: In a figure as wide as a page, and in one as wide as a column.
_MOST_COLUMNS, _MOST_COLUMNS_OF_NARROW, _NARROW = 4, 3, 4.0

#: Inches: a narrower panel has a small title.
_SMALL = 1.5


def draw_panels(
    figure: Figure,
    name: str,
    levels: dict[int, Level],
    embedding: Embedding,
    points: Points,
    width: float | None = None,
) -> None:
    """Draw a panel a level.

    Parameters
    ----------
    figure
        Empty; its size is set.
    name
        Of the benchmark.
    levels
        By number, one or more.
    embedding
        Of all their classes.
    points
        What a point is.
    width
        Inches; by the number of levels unless given.
    """
    most = _MOST_COLUMNS if width is None or width > _NARROW else _MOST_COLUMNS_OF_NARROW
    rows = -(-len(levels) // most)
    columns = -(-len(levels) // rows)
    panel = _PANEL if width is None else width / columns
    figure.set_size_inches(max(_PANEL * columns, _LEAST_WIDTH) if width is None else width, above_panels(rows, panel))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(levels) :]:
        axes.set_visible(False)
    for axes, (number, level) in zip(panels, levels.items(), strict=False):
        draw_panel(axes, number, level, embedding, points, panel)
    add_points_legend(figure, panels, f"{name}: {points} in one UMAP embedding")


def above_panels(rows: int, panel: float) -> float:
    """Give the height in inches of a figure with rows of panels of this width, which are as high as wide."""
    return (panel + _TITLE) * rows + _ABOVE


def draw_panel(axes: Axes, number: int, level: Level, embedding: Embedding, points: Points, width: float) -> None:
    """Draw the sides of a level over an embedding, in a panel of this width in inches."""
    train, test = set(level.train), set(level.test)
    side = np.array([0 if name in train else 1 if name in test else 2 for name in embedding.classes])
    size = float(np.clip(6000 / len(side), 1.5, 16)) * min(1.0, width / _PANEL)
    styles = ((2, GREY, "x", "unused"), (0, BLUE, "o", "train"), (1, VERMILLION, "^", "test"))
    for which, colour, marker, label in styles:
        chosen = embedding.positions[side == which]
        if len(chosen):
            axes.scatter(
                chosen[:, 0], chosen[:, 1], s=size, c=colour, marker=marker, linewidths=0.5 if which == 2 else 0,
                alpha=0.85 if points == "classes" else 0.6, label=f"{label} {points}", rasterized=points == "samples",
            )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"Level {number} · FID {level.fid:.1f}", fontsize="small" if width < _SMALL else None)
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.7")


def add_points_legend(figure: Figure, panels: Iterable[Axes], title: str) -> None:
    """Name each kind of points once, by marks that can be seen."""
    from matplotlib.collections import PathCollection

    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    ordered = sorted(handles, key=lambda label: label.startswith("unused"))
    legend = figure.legend(
        [handles[label] for label in ordered], ordered, loc="outside upper center", ncols=3, title=title
    )
    for mark in legend.legend_handles:
        if isinstance(mark, PathCollection):
            mark.set_sizes([20])
            mark.set_alpha(1)
