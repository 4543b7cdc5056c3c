"""How far to trust the FIDs of a benchmark's levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.jackknife import fid_interval
from oodml_bench.hardness.null import calibrated, grouped_null_fids, null_fids
from oodml_bench.hardness.size_free import size_free
from oodml_bench.progress import progress_of
from oodml_bench.splits.benchmark import Level
from oodml_bench.splits.groups import rows_of_groups
from oodml_bench.threads import one_thread

_NULL_STREAM = 2


def calibrated_levels(
    levels: Mapping[int, Level],
    space: ClassSpace,
    *,
    draws: int,
    seed: int,
    groups: Mapping[str, str] | None = None,
    progress: bool = False,
) -> dict[int, Level]:
    """Give the levels with the null distribution, the interval and the size-free distances of each.

    Levels of the same classes at the same sizes, as those made by swapping alone, share one null distribution.

    Parameters
    ----------
    levels
        The ladder.
    space
        Class means of its classes.
    draws
        Random splits for each; 0 leaves the null distribution out.
    seed
        Seed of the random splits.
    groups
        The group of each class, where whole groups move: the random splits keep them whole too.
    progress
        Show progress on standard error.

    Raises
    ------
    SplitError
        Where `draws` is below 0 or is 1.
    """
    nulls: dict[tuple[frozenset[str], int], NDArray[np.float64]] = {}
    finished: dict[int, Level] = {}
    with one_thread(), progress_of("Calibrating levels", len(levels), shown=progress) as advance:
        for number, level in levels.items():
            train, test = space.indices(level.train), space.indices(level.test)
            finished[number] = replace(
                level, interval=fid_interval(level.fid, space, train, test), size_free=size_free(space, train, test)
            )
            advance(1)
            if draws == 0:
                continue
            kind = (frozenset(level.train + level.test), len(level.train))
            if kind not in nulls:
                rng = np.random.default_rng([seed, _NULL_STREAM, len(level.train), len(level.test)])
                if groups is None:
                    nulls[kind] = null_fids(space, np.concatenate([train, test]), len(train), draws=draws, rng=rng)
                else:
                    members = list(rows_of_groups(space, level.train + level.test, groups).values())
                    nulls[kind] = grouped_null_fids(space, members, len(train), draws=draws, rng=rng)
            finished[number] = replace(finished[number], calibration=calibrated(level.fid, nulls[kind]))
    return finished
