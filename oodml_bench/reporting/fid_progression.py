"""Drawing the FID progression of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from oodml_bench.reporting.palette import BLUE, GREEN, VERMILLION
from oodml_bench.splits import Benchmark
from oodml_bench.splits.benchmark import Walk

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"easier": GREEN, "harder": VERMILLION, "removal": BLUE}

#: The narrower of the two panels is at least this wide, relative to the wider.
_LEAST_WIDTH = 0.35


def draw_progression(figure: Figure, benchmark: Benchmark) -> None:
    """Draw swaps in both directions around the default split, and removal beside them on the same scale."""
    figure.set_size_inches(7.2, 3.6)
    swaps = [walk for walk in benchmark.walks if walk.kind != "removal"]
    removals = [walk for walk in benchmark.walks if walk.kind == "removal"]
    widths = [sum(len(walk.steps) for walk in walks) for walks in (swaps, removals)]
    ratios = [max(width, _LEAST_WIDTH * max(widths)) for width in widths]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=ratios)
    _draw_null(left, right, benchmark)
    for axes, walks in ((left, swaps), (right, removals)):
        _draw_walks(axes, walks, benchmark)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(y=0.12)
        axes.xaxis.get_major_locator().set_params(integer=True)
    left.axvline(0, color="0.6", linewidth=0.8, linestyle=":")
    left.annotate(
        "default split", (0, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8, color="0.35"
    )
    left.set(xlabel="swaps from the default split (left: easier, right: harder)", ylabel="FID of train and test")
    right.set(xlabel="classes removed a side")
    _add_legend(figure, (left, right))


def draw_levels_alone(figure: Figure, benchmark: Benchmark) -> None:
    """Draw the FIDs of the levels of a file that holds no progression."""
    figure.set_size_inches(5.4, 3.4)
    axes = figure.subplots()
    numbers = list(benchmark.levels)
    axes.plot(numbers, [level.fid for level in benchmark.levels.values()], "o-", color=BLUE)
    axes.set_xticks(numbers)
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    title = f"{benchmark.name}: levels (the file holds no progression)"
    axes.set(xlabel="level", ylabel="FID of train and test", title=title)


def _draw_null(left: Axes, right: Axes, benchmark: Benchmark) -> None:
    """Draw the band of random splits: one for all swaps, and one that changes as classes are removed."""
    nulls = {
        len(level.removed) // 2: level.calibration.null for level in benchmark.levels.values() if level.calibration
    }
    band: Any = {"color": "0.85", "linewidth": 0, "label": "random splits (95 %)"}
    if 0 in nulls:
        left.axhspan(nulls[0].low, nulls[0].high, **band)
    removed = sorted(nulls)
    lows, highs = [nulls[count].low for count in removed], [nulls[count].high for count in removed]
    if len(removed) > 1:
        right.fill_between(removed, lows, highs, **band)


def _draw_walks(axes: Axes, walks: Sequence[Walk], benchmark: Benchmark) -> None:
    fids: dict[str, float] = {}
    for walk in walks:
        of_walk = {step.id: step.fid for step in walk.steps}
        places = list(map(_place, of_walk))
        axes.plot(places, list(of_walk.values()), ".-", color=_COLOURS[walk.kind], markersize=3, label=walk.kind)
        fids |= of_walk
    for number, level in benchmark.levels.items():
        # A level brought to a target, as `16~40`, lies near its step.
        step = (level.step or "").partition("~")[0]
        if step in fids:
            _mark_level(axes, _place(step), level.fid, number)


def _place(step: str) -> int:
    return int(step.removeprefix("R"))


def _mark_level(axes: Axes, place: int, fid: float, number: int) -> None:
    axes.plot([place], [fid], "o", mfc="white", mec="black", ms=11, zorder=3, clip_on=False, label="chosen level")
    axes.annotate(str(number), (place, fid), ha="center", va="center_baseline", fontsize=7, zorder=4)


def _add_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """Name each line once; the levels and the band last."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for last in ("chosen level", "random splits (95 %)"):
        if last in handles:
            handles[last] = handles.pop(last)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), frameon=False)
