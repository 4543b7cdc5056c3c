"""Drawing levels of several benchmarks, each over its own UMAP embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oodml_bench.reporting.embedding import Embedding, Points
from oodml_bench.reporting.umap_panels import above_panels, add_points_legend, draw_panel
from oodml_bench.splits import Level

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What the first, the middle and the last level of a benchmark are called.
_HARDNESS = ("easy", "medium", "hard")

#: Inches of the figure for each level beside another, unless told.
_PANEL = 2.4


@dataclass(frozen=True)
class MappedLevels:
    """Levels of a benchmark, by number, and an embedding of all their classes."""

    name: str
    levels: dict[int, Level]
    embedding: Embedding


def draw_grid(
    figure: Figure, benchmarks: Sequence[MappedLevels], points: Points, *, by_hardness: bool, width: float | None = None
) -> None:
    """Draw a row of panels a benchmark, a column a level.

    Parameters
    ----------
    figure
        Empty; its size is set.
    benchmarks
        One or more.
    points
        What a point is.
    by_hardness
        Whether levels are the first, the middle and the last, which is written above where all have three.
    width
        Inches; by the number of levels unless given.
    """
    columns = max(len(benchmark.levels) for benchmark in benchmarks)
    width = _PANEL * columns if width is None else width
    panel = width / columns
    figure.set_size_inches(width, above_panels(len(benchmarks), panel))
    grid = figure.subplots(len(benchmarks), columns, squeeze=False)
    for row, benchmark in zip(grid, benchmarks, strict=True):
        row[0].set_ylabel(benchmark.name)
        for axes in row[len(benchmark.levels) :]:
            axes.set_visible(False)
        for axes, (number, level) in zip(row, benchmark.levels.items(), strict=False):
            draw_panel(axes, number, level, benchmark.embedding, points, panel)
    if by_hardness and all(len(benchmark.levels) == len(_HARDNESS) for benchmark in benchmarks):
        for axes, name in zip(grid[0], _HARDNESS, strict=True):
            axes.set_title(f"{name}\n{axes.get_title()}", fontsize=axes.title.get_fontsize())
    add_points_legend(figure, grid.ravel(), f"{points} in a UMAP embedding of each dataset")
