"""Scores of recipes relative to their mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import InputError
from oodml_bench.evaluation.curves import Curve


def relative_deviations(curves: Sequence[Curve]) -> NDArray[np.float64]:
    """Give what each recipe's score deviates from the mean over recipes at each level: score / mean - 1.

    Levels differ in how high all scores are there; this leaves how recipes differ (Milbich, Roth et al., 2021,
    figure 4, lower row). A level that any of the recipes has no score on has NaN for all: the mean of the
    others would be of other recipes than at the next level.

    Parameters
    ----------
    curves
        Of one benchmark, as `curves_of` gives them; two or more.

    Returns
    -------
    Shape (curves, levels), float64; no unit.

    Raises
    ------
    InputError
        Where there are fewer than two curves, they are of several benchmarks, no level has scores of all, or a mean is
        not above 0.
    """
    benchmarks = sorted({curve.benchmark for curve in curves})
    if len(curves) < 2 or len(benchmarks) > 1:
        raise InputError(
            f"{len(curves)} recipe(s) on {', '.join(benchmarks) or 'no benchmark'} have no mean to be compared with; "
            "give two recipes or more on one benchmark"
        )
    scores = np.stack([curve.mean for curve in curves])
    means = scores.mean(axis=0)
    known = np.isfinite(means)
    if not known.any():
        raise InputError(
            f"no level of {benchmarks[0]} has scores of all {len(curves)} recipes; finish the runs, or leave out the "
            "recipes that lack levels"
        )
    if (means[known] <= 0).any():
        raise InputError(
            f"scores on {benchmarks[0]} have a mean of {means[known].min():.4g} over recipes, and deviations are "
            "relative to a mean above 0; take another metric"
        )
    return scores / means - 1
