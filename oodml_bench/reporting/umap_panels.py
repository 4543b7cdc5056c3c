"""Drawing levels over one common UMAP embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from oodml_bench.reporting.embedding import Embedding, Points
from oodml_bench.reporting.palette import BLUE, GREY, VERMILLION
from oodml_bench.splits import Level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_COLUMNS = 4


def draw_panels(figure: Figure, name: str, levels: dict[int, Level], embedding: Embedding, points: Points) -> None:
    """Draw a panel a level."""
    from matplotlib.collections import PathCollection

    columns = min(len(levels), _MOST_COLUMNS)
    rows = -(-len(levels) // columns)
    figure.set_size_inches(max(2.7 * columns, 4.0), 2.8 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(levels) :]:
        panel.set_visible(False)
    for panel, (number, level) in zip(panels, levels.items(), strict=False):
        _draw_panel(panel, number, level, embedding, points)
    handles, labels = panels[0].get_legend_handles_labels()
    title = f"{name}: {points} in one UMAP embedding"
    legend = figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, title=title)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([24])
            handle.set_alpha(1)


def _draw_panel(panel: Axes, number: int, level: Level, embedding: Embedding, points: Points) -> None:
    train, test = set(level.train), set(level.test)
    side = np.array([0 if name in train else 1 if name in test else 2 for name in embedding.classes])
    size = float(np.clip(6000 / len(side), 1.5, 16))
    styles = ((2, GREY, "x", "unused"), (0, BLUE, "o", "train"), (1, VERMILLION, "^", "test"))
    for which, colour, marker, label in styles:
        chosen = embedding.positions[side == which]
        panel.scatter(
            chosen[:, 0], chosen[:, 1], s=size, c=colour, marker=marker, linewidths=0.5 if which == 2 else 0,
            alpha=0.85 if points == "classes" else 0.6, label=f"{label} {points}", rasterized=points == "samples",
        )  # fmt: skip
    panel.set(xticks=[], yticks=[], title=f"Level {number} · FID {level.fid:.1f}")
    for spine in panel.spines.values():
        spine.set(visible=True, color="0.7")
