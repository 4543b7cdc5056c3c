"""Drawing what recipes deviate from their mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from oodml_bench.evaluation import Curve
from oodml_bench.evaluation.relative import relative_deviations

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A line through fewer points would fit any.
_LEAST_FITTED = 3


def draw_deviations(axes: Axes, curves: Mapping[str, Curve], styles: Mapping[str, Any]) -> None:
    """Draw deviations from the mean over recipes as points over the FID, with the straight line of least squares.

    Parameters
    ----------
    axes
        Empty.
    curves
        Of one benchmark, by the name of their style.
    styles
        Of lines in matplotlib's words: colour, stroke, marker, …

    Raises
    ------
    InputError
        Where deviations have no value: see `relative_deviations`.
    """
    axes.axhline(0, color="0.6", linewidth=0.7, linestyle=":")
    deviations = 100 * relative_deviations(list(curves.values()))
    for (name, curve), values in zip(curves.items(), deviations, strict=True):
        fids = np.array(curve.fids)
        axes.plot(fids, values, label=name, zorder=3, **(styles[name] | {"linestyle": ""}))
        known = np.isfinite(values)
        if known.sum() >= _LEAST_FITTED and np.ptp(fids[known]) > 0:
            slope, start = np.polyfit(fids[known], values[known], 1)
            axes.plot(fids[known], start + slope * fids[known], **(styles[name] | {"marker": ""}))
