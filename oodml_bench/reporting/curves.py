"""Drawing scores over hardness, and what they sum up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation import Curve, Estimate
from oodml_bench.reporting.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Seven colours, eleven markers and three strokes: a reader who sees no colours has the markers, which come again only
#: in another colour and stroke.
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
_STROKES = ("-", (0, (4, 1.5)), (0, (1, 1)))

_NAMES = {"map@r": "MAP@R", "map@1000": "mAP@1000", "nmi": "NMI", "f1": "F1"}

#: Height of the bars of a recipe, where that of a recipe with its gap is 1.
_BARS = 0.78

#: Share of the width of the bars that is added for the numbers.
_ROOM = 0.16

#: Share of the axis within which the numbers of two levels would touch.
_TOUCHING = 0.022


#: Inches: of the figure, and about those of a key in the legend and of a letter beside it.
_WIDTH, _KEY, _LETTER = 5.8, 0.42, 0.062


def draw_curves(figure: Figure, curves: Sequence[Curve], metric: str) -> None:
    """Draw the mean score over the FID, a line a recipe, highest first in the legend, and a band for its interval."""
    ordered = sorted(curves, key=lambda curve: (-_height(curve), curve.recipe, curve.benchmark))
    longest = max(len(_label(curve, curves)) for curve in ordered)
    columns = max(1, min(len(ordered), 4, int(_WIDTH / (_KEY + _LETTER * longest))))
    figure.set_size_inches(_WIDTH, 3.5 + 0.2 * -(-len(ordered) // columns))
    axes = figure.subplots()
    for number, curve in enumerate(ordered):
        _draw_curve(axes, curve, _label(curve, curves), number)
    axes.set(xlabel="FID of train and test", ylabel=_axis_name(metric, curves))
    axes.grid(axis="y", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.03, y=0.06)
    _keep_lines_apart(axes, curves)
    if len({curve.benchmark for curve in curves}) == 1:
        _name_levels(axes, curves)
    _add_legend(figure, columns, _spread(estimate for curve in curves for estimate in curve.at_levels))


def _keep_lines_apart(axes: Axes, curves: Sequence[Curve]) -> None:
    """Let wide bands leave the axes: over two or three seeds they may be many times as wide as the scores differ."""
    means = np.concatenate([curve.mean[np.isfinite(curve.mean)] for curve in curves])
    if len(means) and (apart := float(np.ptp(means))) > 0:
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, means.min() - apart), min(high, means.max() + apart))


def _draw_curve(axes: Axes, curve: Curve, label: str, number: int) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    style: Any = {
        "color": colour,
        "marker": _MARKERS[number % len(_MARKERS)],
        "linestyle": _STROKES[number // len(_COLOURS) % len(_STROKES)],
    }
    axes.plot(
        curve.fids, curve.mean, label=label, linewidth=1.3, markersize=5, markeredgecolor="white", markeredgewidth=0.5,
        zorder=3, **style,
    )  # fmt: skip
    lows, highs = _ends(curve.at_levels)
    axes.fill_between(curve.fids, lows, highs, color=colour, alpha=0.15, linewidth=0, zorder=2)


def _add_legend(figure: Figure, columns: int, title: str) -> None:
    legend = figure.legend(loc="outside upper center", ncols=columns, frameon=False, fontsize=8, title=title)
    legend.get_title().set_fontsize(8)


def _ends(estimates: Sequence[Estimate | None]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the ends of intervals; NaN where there is none, which leaves a gap."""
    ends = [(np.nan, np.nan) if each is None or each.low is None else (each.low, each.high) for each in estimates]
    lows, highs = np.array(ends, dtype=np.float64).T
    return lows, highs


def _height(curve: Curve) -> float:
    """Give what curves are ordered by: the AGS, or the mean of what there is."""
    if curve.ags is not None:
        return curve.ags.mean
    known = curve.mean[np.isfinite(curve.mean)]
    return float(known.mean()) if len(known) else -np.inf


def _label(curve: Curve, curves: Sequence[Curve]) -> str:
    told = []
    if len({other.benchmark for other in curves}) > 1:
        told.append(curve.benchmark)
    if len({other.weights for other in curves}) > 1:
        told.append(f"{curve.weights} weights")
    return f"{curve.recipe} ({', '.join(told)})" if told else curve.recipe


def _axis_name(metric: str, curves: Sequence[Curve]) -> str:
    fixed = any(curve.gallery_classes is not None for curve in curves)
    return f"{_name(metric)}, {_galleries(curves)}" if fixed else _name(metric)


def _name(metric: str) -> str:
    return _NAMES.get(metric, metric.capitalize())


def _galleries(curves: Sequence[Curve]) -> str:
    sizes = sorted({curve.gallery_classes for curve in curves if curve.gallery_classes is not None})
    return f"galleries of {' or '.join(map(str, sizes))} classes"


def _spread(estimates: Iterable[Estimate | None]) -> str:
    """Say what the intervals are over: the seeds that have a score there."""
    counts = sorted({estimate.count for estimate in estimates if estimate is not None})
    if not counts or counts == [1]:
        return "one seed: no interval"
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean and 95 % t-interval over {seeds} seeds" + (", none over one" if counts[0] == 1 else "")


def _name_levels(axes: Axes, curves: Sequence[Curve]) -> None:
    """Write the numbers of the levels above the axes, those that would touch as a range."""
    fids = {level: fid for curve in curves for level, fid in zip(curve.levels, curve.fids, strict=True)}
    low, high = axes.get_xlim()
    groups: list[list[int]] = []
    for level in sorted(fids, key=lambda level: (fids[level], level)):
        if groups and fids[level] - fids[groups[-1][-1]] < _TOUCHING * (high - low):
            groups[-1].append(level)
        else:
            groups.append([level])
    top = axes.secondary_xaxis("top")
    top.set_xticks(sorted(fids.values()), [""] * len(fids))
    top.tick_params(length=3, color="0.5")
    top.spines[:].set_visible(False)
    above: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    for group in groups:
        name = str(group[0]) if len(group) == 1 else f"{group[0]}–{group[-1]}"
        place = (float(np.mean([fids[level] for level in group])), 1)
        axes.annotate(name, place, xytext=(0, 4), fontsize=8, color="0.35", **above)
    axes.annotate("level", (low, 1), xytext=(-4, 4), fontsize=8, color="0.35", **(above | {"ha": "right"}))
    for fid in fids.values():
        axes.axvline(fid, color="0.93", linewidth=0.6, zorder=0)


def draw_ags(figure: Figure, curves: Sequence[Curve], controlled: Sequence[Curve], metric: str) -> None:
    """Draw the AGS of each recipe as bars, highest first, and beside it that on galleries of one size, if any."""
    ordered = sorted((curve for curve in curves if curve.ags), key=lambda curve: (-_height(curve), curve.recipe))
    partners = {(curve.benchmark, curve.recipe): curve for curve in controlled if curve.ags}
    kinds: list[tuple[str, str, list[Curve | None]]] = [("all classes of each level", BLUE, [*ordered])]
    if partners:
        beside = [partners.get((curve.benchmark, curve.recipe)) for curve in ordered]
        kinds.append((_galleries(list(partners.values())), SKY, beside))
    figure.set_size_inches(5.8, 1.1 + (0.12 + 0.16 * len(kinds)) * len(ordered))
    axes = figure.subplots()
    for number, (label, colour, shown) in enumerate(kinds):
        thickness = _BARS / len(kinds)
        _draw_bars(axes, shown, thickness, thickness * (number - (len(kinds) - 1) / 2), colour, label)
    axes.set_yticks(range(len(ordered)), [_label(curve, curves) for curve in ordered])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel(f"AGS: mean {_name(metric)} over the range of FIDs")
    axes.margins(y=0.02)
    # Room for the numbers.
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + _ROOM * (high - low))
    without = [_label(curve, curves) for curve in curves if not curve.ags]
    note = f"\nnot on all levels by any seed: {', '.join(without)}" if without else ""
    _add_legend(figure, len(kinds), _spread(curve.ags for curve in (*ordered, *partners.values())) + note)


def _draw_bars(
    axes: Axes, curves: Sequence[Curve | None], thickness: float, shift: float, colour: str, label: str
) -> None:
    """Draw bars from 0, since their lengths are compared, with the interval at their ends and the number behind."""
    known = [(place, curve.ags) for place, curve in enumerate(curves) if curve is not None and curve.ags is not None]
    places = [place + shift for place, _ in known]
    axes.barh(
        places, [estimate.mean for _, estimate in known], height=thickness, color=colour, linewidth=0, label=label
    )
    for place, (_, estimate) in zip(places, known, strict=True):
        half = None if estimate.low is None else estimate.mean - estimate.low
        if half is not None:
            axes.errorbar(estimate.mean, place, xerr=half, color="black", linewidth=0.9, capsize=2, capthick=0.9)
        text = f"{estimate.mean:.3f}" + ("" if half is None else f" ± {half:.3f}")
        end = max(0.0, estimate.mean if estimate.high is None else estimate.high)
        axes.annotate(text, (end, place), xytext=(5, 0), textcoords="offset points", va="center_baseline", fontsize=7)
