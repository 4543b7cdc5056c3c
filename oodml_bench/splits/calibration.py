"""Setting the levels of a benchmark against random splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.null import calibrated, null_fids
from oodml_bench.progress import progress_of
from oodml_bench.splits.benchmark import Level
from oodml_bench.splits.search import one_thread

_NULL_STREAM = 2


def calibrated_levels(
    levels: Mapping[int, Level], space: ClassSpace, *, draws: int, seed: int, progress: bool = False
) -> dict[int, Level]:
    """Give the levels with the null distribution of each.

    Levels of the same classes at the same sizes, as those made by swapping alone, share one null distribution.

    Parameters
    ----------
    levels
        The ladder.
    space
        Class means of its classes.
    draws
        Random splits for each; 0 leaves the levels as they are.
    seed
        Seed of the random splits.
    progress
        Show progress on standard error.

    Raises
    ------
    SplitError
        Where `draws` is below 0 or is 1.
    """
    if draws == 0:
        return dict(levels)
    nulls: dict[tuple[frozenset[str], int], NDArray[np.float64]] = {}
    finished: dict[int, Level] = {}
    with one_thread(), progress_of("Calibrating levels", len(levels), shown=progress) as advance:
        for number, level in levels.items():
            kind = (frozenset(level.train + level.test), len(level.train))
            if kind not in nulls:
                rng = np.random.default_rng([seed, _NULL_STREAM, len(level.train), len(level.test)])
                classes = space.indices(level.train + level.test)
                nulls[kind] = null_fids(space, classes, len(level.train), draws=draws, rng=rng)
            finished[number] = replace(level, calibration=calibrated(level.fid, nulls[kind]))
            advance(1)
    return finished
