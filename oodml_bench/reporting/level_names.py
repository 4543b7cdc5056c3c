"""Naming levels above the curves of scores over their FIDs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oodml_bench.evaluation import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Inches: the numbers of two levels that are nearer would touch.
_TOUCHING = 0.11


def name_levels(axes: Axes, curves: Sequence[Curve], width: float) -> None:
    """Write the numbers of the levels above the axes, those that would touch as a range.

    Parameters
    ----------
    axes
        With its limits.
    curves
        Of one benchmark.
    width
        About that of the axes, in inches.
    """
    fids = {level: fid for curve in curves for level, fid in zip(curve.levels, curve.fids, strict=True)}
    low, high = axes.get_xlim()
    groups: list[list[int]] = []
    for level in sorted(fids, key=lambda level: (fids[level], level)):
        if groups and fids[level] - fids[groups[-1][-1]] < _TOUCHING / width * (high - low):
            groups[-1].append(level)
        else:
            groups.append([level])
    top = axes.secondary_xaxis("top")
    top.set_xticks(sorted(fids.values()), [""] * len(fids))
    top.tick_params(length=3, color="0.5")
    top.spines[:].set_visible(False)
    above: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    style: Any = {"fontsize": "small", "color": "0.35"}
    for group in groups:
        name = str(group[0]) if len(group) == 1 else f"{group[0]}–{group[-1]}"
        place = (float(np.mean([fids[level] for level in group])), 1)
        axes.annotate(name, place, xytext=(0, 4), **style, **above)
    axes.annotate("level", (low, 1), xytext=(-4, 4), **style, **(above | {"ha": "right"}))
    for fid in fids.values():
        axes.axvline(fid, color="0.93", linewidth=0.6, zorder=0)
