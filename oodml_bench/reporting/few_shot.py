"""Drawing what few-shot adaptation gains over hardness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.few_shot import FewShotCurve
from oodml_bench.evaluation.statistics import Estimate
from oodml_bench.reporting.curve_labels import metric_name
from oodml_bench.reporting.palette import BLACK, BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Numbers = NDArray[np.float64]

#: FID and number.
_Level = tuple[float, int]

_MOST_COLUMNS = 4

#: Inches: of a panel, and of all panels beside each other at least; beside and above them; of a letter.
_WIDTH, _LEAST_WIDTH, _HEIGHT, _BESIDE, _ABOVE, _LETTER = 1.5, 3.1, 1.85, 1.3, 1.1, 0.06

#: Inches: the least width of a panel where the figure has a width to keep to, and the height of narrow panels.
_NARROWEST, _NARROW, _LOW = 0.95, 1.2, 1.5

#: Where the scores and the gains are in a panel, as shares of its height: apart, since they run across each other.
_SCORES, _GAINS = (0.47, 0.97), (0.06, 0.39)

#: Inches that all names in the legend need side by side.
_ONE_LINE = 6.5

#: A line through fewer points would fit any.
_LEAST_FITTED = 3

_FEW: Any = {"color": BLUE, "marker": "o", "label": "few-shot: adapted"}
_ZERO: Any = {"color": ORANGE, "marker": "s", "label": "zero-shot: as trained"}


class _Scale(NamedTuple):
    """An axis: its ends, and the range of it that is used."""

    ends: tuple[float, float]
    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float, shares: tuple[float, float]) -> _Scale:
        """Place a range at shares of the height of a panel."""
        height = (high - low) / (shares[1] - shares[0])
        return cls((low - shares[0] * height, high + (1 - shares[1]) * height), low, high)

    @property
    def ticks(self) -> list[float]:
        """Round numbers in the range that is used."""
        from matplotlib.ticker import MaxNLocator

        slack = 1e-9 * (self.high - self.low)
        values = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(value) for value in values if self.low - slack <= value <= self.high + slack]


def draw_few_shot(figure: Figure, curves: Sequence[FewShotCurve], metric: str, width: float | None = None) -> None:
    """Draw scores before and after adaptation, and their relative gain, over the FID.

    A row of panels a number of shots, a column a recipe; of more recipes than have room, some are below the others. All
    panels have the same axes.

    Parameters
    ----------
    figure
        Empty; its size is set.
    curves
        Of one adaptation, one or more.
    metric
        Name of the metric of the scores.
    width
        Inches; by the number of recipes unless given.
    """
    recipes = sorted({(curve.benchmark, curve.recipe) for curve in curves})
    shots = sorted({curve.shots for curve in curves})
    panels, columns = _laid_out(figure, len(recipes), len(shots), width)
    scores, gains = _score_scale(curves), _gain_scale(curves)
    found = {(curve.benchmark, curve.recipe, curve.shots): curve for curve in curves}
    drawn: list[Axes] = []
    for (recipe, row), axes in np.ndenumerate(panels):
        at_edge = (recipe + 1) % columns == 0
        _frame(axes, scores)
        twin = _gain_axis(axes, gains, labelled=at_edge or recipe + 1 == len(recipes), at_edge=at_edge)
        drawn += [axes, twin]
        curve = found.get((*recipes[recipe], shots[row]))
        if curve is None:
            style: Any = {"ha": "center", "color": "0.5", "fontsize": "small", "backgroundcolor": "white"}
            axes.annotate("not adapted", (0.5, _middle(_SCORES)), xycoords="axes fraction", **style)
            continue
        levels = _levels(curves, curve.benchmark)
        _draw_scores(axes, curve, levels)
        _draw_gains(twin, curve, levels)
    _name_panels(panels, columns, recipes, shots, metric_name(metric))
    figure.supxlabel("FID of train and test", fontsize="medium")
    _add_legend(figure, drawn, _caption(curves))


def _laid_out(figure: Figure, recipes: int, shots: int, width: float | None) -> tuple[NDArray[np.object_], int]:
    """Give panels, shape (recipes, shots), and how many recipes are beside each other."""
    most = _MOST_COLUMNS if width is None else min(_MOST_COLUMNS, int((width - _BESIDE) / _NARROWEST))
    blocks = -(-recipes // most)
    columns = -(-recipes // blocks)
    width = _BESIDE + max(_LEAST_WIDTH, _WIDTH * columns) if width is None else width
    height = _HEIGHT if (width - _BESIDE) / columns > _NARROW else _LOW
    figure.set_size_inches(width, _ABOVE + height * blocks * shots)
    # Two axes in a panel: the gap to the next one has to be wider than that between them.
    figure.set_layout_engine("constrained", hspace=0.1)
    grid = figure.subplots(blocks * shots, columns, sharex=True, sharey=True, squeeze=False)
    panels = grid.reshape(blocks, shots, columns).swapaxes(1, 2).reshape(-1, shots)
    for axes in panels[recipes:].ravel():
        axes.set_visible(False)
    for place in range(max(0, recipes - columns), recipes):
        panels[place, -1].tick_params(labelbottom=True)
    return panels[:recipes], columns


def _frame(axes: Axes, scale: _Scale) -> None:
    axes.set_ylim(scale.ends)
    axes.set_yticks(scale.ticks)
    axes.spines["left"].set_bounds(scale.low, scale.high)
    axes.grid(axis="y")


def _gain_axis(axes: Axes, scale: _Scale, *, labelled: bool, at_edge: bool) -> Axes:
    """Give an axis for relative gains at the right of a panel."""
    twin = axes.twinx()
    twin.axhline(0, color="0.6", linewidth=0.7, linestyle=":")
    twin.set_ylim(scale.ends)
    twin.set_yticks(scale.ticks)
    # Its other spines would lie over those of the panel.
    twin.spines[:].set_visible(False)
    twin.spines["right"].set(visible=labelled, bounds=(scale.low, scale.high))
    twin.tick_params(right=labelled, labelright=labelled)
    if labelled:
        twin.set_ylabel("gain (%)", y=_middle(_GAINS))
    # Labels inside of the grid have the room of a panel that is not there.
    twin.set_in_layout(at_edge)
    return twin


def _name_panels(
    panels: NDArray[np.object_], columns: int, recipes: Sequence[tuple[str, str]], shots: Sequence[int], metric: str
) -> None:
    """Write recipes above their panels, and numbers of shots beside them."""
    several = len({benchmark for benchmark, _ in recipes}) > 1
    for axes, (benchmark, recipe) in zip(panels[:, 0], recipes, strict=True):
        width = (axes.get_figure().get_figwidth() - _BESIDE) / columns
        axes.set_title(fill(f"{recipe} ({benchmark})" if several else recipe, int(width / _LETTER)))
    for (_, row), axes in np.ndenumerate(panels[::columns]):
        count = f"{shots[row]} {'shot' if shots[row] == 1 else 'shots'}"
        axes.set_ylabel(f"{count}\n{metric}", y=_middle(_SCORES))


def _draw_scores(axes: Axes, curve: FewShotCurve, levels: Sequence[_Level]) -> None:
    """Draw scores with their intervals; a level that others have is a gap."""
    fids = np.array([fid for fid, _ in levels])
    for estimates, style in ((curve.after, _FEW), (curve.before, _ZERO)):
        means, lows, highs = _at(levels, curve, estimates).T
        edge: Any = {"markeredgecolor": "white", "markeredgewidth": 0.4}
        axes.plot(fids, means, linewidth=1.2, markersize=4, zorder=3, **edge, **style)
        axes.fill_between(fids, lows, highs, color=style["color"], alpha=0.18, linewidth=0, zorder=2)
        # A band has no width there.
        alone = _alone(means)
        axes.vlines(fids[alone], lows[alone], highs[alone], color=style["color"], alpha=0.5, zorder=2)


def _draw_gains(axes: Axes, curve: FewShotCurve, levels: Sequence[_Level]) -> None:
    """Draw relative gains as dots, with the straight line of least squares."""
    fids = np.array([fid for fid, _ in levels])
    gains = 100 * _at(levels, curve, curve.relative_gain)[:, 0]
    axes.plot(fids, gains, linestyle="", marker="o", color=BLACK, markersize=2.8, label="relative gain (right axis)")
    known = np.isfinite(gains)
    if known.sum() >= _LEAST_FITTED and np.ptp(fids[known]) > 0:
        slope, start = np.polyfit(fids[known], gains[known], 1)
        axes.plot(fids[known], start + slope * fids[known], color=BLACK, linewidth=0.8, label="linear fit")


def _levels(curves: Sequence[FewShotCurve], benchmark: str) -> list[_Level]:
    """Give the levels that any of the curves has."""
    of_benchmark = (curve for curve in curves if curve.benchmark == benchmark)
    return sorted({level for curve in of_benchmark for level in zip(curve.fids, curve.levels, strict=True)})


def _at(levels: Sequence[_Level], curve: FewShotCurve, estimates: Sequence[Estimate | None]) -> Numbers:
    """Give means and ends of intervals, shape (levels, 3); NaN where there are none."""
    values = np.full((len(levels), 3), np.nan)
    for level, estimate in zip(zip(curve.fids, curve.levels, strict=True), estimates, strict=True):
        if estimate is not None:
            values[levels.index(level), 0] = estimate.mean
            if estimate.low is not None and estimate.high is not None:
                values[levels.index(level), 1:] = estimate.low, estimate.high
    return values


def _middle(shares: tuple[float, float]) -> float:
    return sum(shares) / 2


def _alone(values: Numbers) -> NDArray[np.bool_]:
    """Tell which values have no neighbour."""
    known = np.pad(np.isfinite(values), 1)
    alone: NDArray[np.bool_] = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone


def _score_scale(curves: Sequence[FewShotCurve]) -> _Scale:
    """Make room for all means, and for bands as far as they leave the lines apart."""
    estimates = [each for curve in curves for each in (*curve.before, *curve.after)]
    means = [each.mean for each in estimates]
    room = (max(means) - min(means)) / 2
    low = max(min(means) - room, min(each.mean if each.low is None else each.low for each in estimates))
    high = min(max(means) + room, max(each.mean if each.high is None else each.high for each in estimates))
    return _Scale.of(*_apart(low, high, 0.02), _SCORES)


def _gain_scale(curves: Sequence[FewShotCurve]) -> _Scale:
    """Make room for all gains and for 0, which they are compared with."""
    gains = [100 * gain.mean for curve in curves for gain in curve.relative_gain if gain is not None]
    return _Scale.of(*_apart(min([0.0, *gains]), max([0.0, *gains]), 1.0), _GAINS)


def _apart(low: float, high: float, least: float) -> tuple[float, float]:
    """Widen a range that is too narrow to be an axis."""
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing


def _add_legend(figure: Figure, panels: Sequence[Axes], caption: str) -> None:
    """Name each line once."""
    handles: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    width = figure.get_figwidth()
    legend = figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=4 if width > _ONE_LINE else 2,
        title=fill(caption, int(width / _LETTER)),
    )
    legend.get_title().set_multialignment("center")


def _caption(curves: Sequence[FewShotCurve]) -> str:
    """Say how was adapted, on what it was scored, and what the bands are."""
    told = [f"adapted by {', '.join(sorted({curve.adaptation for curve in curves}))}"]
    if sizes := sorted({curve.gallery_classes for curve in curves if curve.gallery_classes is not None}):
        told.append(f"galleries of {' or '.join(map(str, sizes))} classes")
    return "; ".join([*told, _spread(curves)])


def _spread(curves: Sequence[FewShotCurve]) -> str:
    seeds = _counts(curve for curve in curves if curve.over == "seeds")
    episodes = _counts(curve for curve in curves if curve.over == "episodes")
    over = [
        *([f"{_range(seeds)} seeds, each the mean of its episodes"] if seeds else []),
        *([f"the {_range(episodes)} episodes of {'a single' if seeds else 'one'} seed"] if episodes else []),
    ]
    return f"bands: 95 % t-intervals over {', or over '.join(over)}" if over else "one episode of one seed: no interval"


def _counts(curves: Iterable[FewShotCurve]) -> list[int]:
    """Give how many values intervals are of; one value has none."""
    return sorted({estimate.count for curve in curves for estimate in curve.after if estimate.count > 1})


def _range(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
