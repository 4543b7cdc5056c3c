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

#: The narrower of the two panels is at least this wide, relative to the wider, in a wide figure and in a narrow one.
_LEAST_WIDTH, _LEAST_WIDTH_OF_NARROW = 0.45, 0.55

#: Inches: of the figure and of that of levels alone, unless told; and as narrow as names stay on one line.
_WIDTH, _LEVELS_WIDTH, _ONE_LINE = 7.2, 5.4, 5.0

_BAND: Any = {"color": "0.8", "linewidth": 0, "label": "random splits (95 %)"}

#: Width of a bar as a share of what is removed in all.
_BAR = 0.1


def draw_progression(figure: Figure, benchmark: Benchmark, width: float | None = None) -> None:
    """Draw swaps in both directions around the default split, and removal beside them on the same scale.

    Parameters
    ----------
    figure
        Empty; its size is set.
    benchmark
        With walks.
    width
        Inches; 7.2 unless given.
    """
    width = width or _WIDTH
    wide = width >= _ONE_LINE
    figure.set_size_inches(width, 3.6 if wide else 0.9 * width)
    swaps = [walk for walk in benchmark.walks if walk.kind != "removal"]
    removals = [walk for walk in benchmark.walks if walk.kind == "removal" and len(walk.steps) > 1]
    kinds = [walks for walks in (swaps, removals) if walks]
    lengths = [sum(len(walk.steps) for walk in walks) for walks in kinds]
    least = (_LEAST_WIDTH if wide else _LEAST_WIDTH_OF_NARROW) * max(lengths)
    ratios = [max(length, least) for length in lengths]
    panels = figure.subplots(1, len(kinds), sharey=True, width_ratios=ratios, squeeze=False)[0]
    for axes, walks in zip(panels, kinds, strict=True):
        _draw_walks(axes, walks, benchmark, ring=11 if wide else 9.5)
        axes.grid(axis="y")
        axes.xaxis.get_major_locator().set_params(integer=True)
    _finish_swaps(panels[0], benchmark, wide=wide)
    if removals:
        _finish_removal(panels[-1], removals, benchmark, wide=wide)
    # From 0, since the heights of bars are compared.
    panels[0].set_ylim(0, 1.08 * max(step.fid for walk in benchmark.walks for step in walk.steps))
    _add_legend(figure, panels, wide=wide)


def draw_levels_alone(figure: Figure, benchmark: Benchmark, width: float | None = None) -> None:
    """Draw the FIDs of the levels of a file that holds no progression.

    Parameters
    ----------
    figure
        Empty; its size is set.
    benchmark
        Its walks are not looked at.
    width
        Inches; 5.4 unless given.
    """
    width = width or _LEVELS_WIDTH
    figure.set_size_inches(width, 0.63 * width)
    axes = figure.subplots()
    numbers = list(benchmark.levels)
    axes.plot(numbers, [level.fid for level in benchmark.levels.values()], "o-", color=BLUE, markersize=4)
    axes.set_xticks(numbers)
    axes.grid(axis="y")
    title = f"{benchmark.name}: levels (the file holds no progression)"
    axes.set(xlabel="level", ylabel="FID of train and test", title=title)


def _draw_walks(axes: Axes, walks: Sequence[Walk], benchmark: Benchmark, ring: float) -> None:
    fids: dict[str, float] = {}
    for walk in walks:
        of_walk = {step.id: step.fid for step in walk.steps}
        places = list(map(_place, of_walk))
        axes.plot(
            places, list(of_walk.values()), ".-", color=_COLOURS[walk.kind], linewidth=1.2, markersize=2.5,
            label=walk.kind,
        )  # fmt: skip
        fids |= of_walk
    for number, level in benchmark.levels.items():
        step = _step(level.step)
        if step in fids:
            _mark_level(axes, _place(step), level.fid, number, ring)


def _finish_swaps(axes: Axes, benchmark: Benchmark, *, wide: bool) -> None:
    nulls = _nulls(benchmark)
    if 0 in nulls:
        axes.axhspan(*nulls[0], **_BAND)
    axes.axvline(0, color="0.6", linewidth=0.8, linestyle=":")
    above: Any = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom", "fontsize": "small"}
    axes.annotate("default split", (0, 1), color="0.35", **above)
    axes.set_xlabel(f"swaps from the default split{_break(wide=wide)}(left: easier, right: harder)")
    axes.set_ylabel("FID of train and test")


def _finish_removal(axes: Axes, removals: Sequence[Walk], benchmark: Benchmark, *, wide: bool) -> None:
    """Add a bar from 0 for the hardest split by swaps and for each level made by removal, as in the study's figure."""
    fids = {step.id: step.fid for walk in removals for step in walk.steps}
    marked = {_place(_step(level.step)): level.fid for level in benchmark.levels.values() if _step(level.step) in fids}
    bars = {0: fids["R0"]} | marked
    thickness = _BAR * max(map(_place, fids))
    axes.bar(list(bars), list(bars.values()), thickness, color=BLUE, alpha=0.25, linewidth=0)
    nulls = _nulls(benchmark)
    if len(nulls) > 1:
        lows, highs = zip(*nulls.values(), strict=True)
        axes.fill_between(list(nulls), lows, highs, **_BAND)
    axes.set_xlabel(f"classes removed{_break(wide=wide)}a side")


def _nulls(benchmark: Benchmark) -> dict[int, tuple[float, float]]:
    """Give the band of random splits for each number of classes removed a side, ascending."""
    calibrated = [(len(level.removed) // 2, level.calibration) for level in benchmark.levels.values()]
    return dict(sorted((count, (known.null.low, known.null.high)) for count, known in calibrated if known))


def _break(*, wide: bool) -> str:
    return " " if wide else "\n"


def _step(of_level: str | None) -> str:
    """Give the step that a level lies at: near it, where it was brought to a target, as `16~40`."""
    return (of_level or "").partition("~")[0]


def _place(step: str) -> int:
    return int(step.removeprefix("R"))


def _mark_level(axes: Axes, place: int, fid: float, number: int, ring: float) -> None:
    axes.plot(
        [place], [fid], "o", mfc="white", mec="black", mew=0.9, ms=ring, zorder=3, clip_on=False, label="chosen level"
    )
    axes.annotate(str(number), (place, fid), ha="center", va="center_baseline", fontsize=0.64 * ring, zorder=4)


def _add_legend(figure: Figure, panels: Sequence[Axes], *, wide: bool) -> None:
    """Name each line once; the levels and the band last."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for last in ("chosen level", "random splits (95 %)"):
        if last in handles:
            handles[last] = handles.pop(last)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles) if wide else 3)
