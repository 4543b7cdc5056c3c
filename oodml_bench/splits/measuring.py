"""The calibrated distance of any split, without building a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oodml_bench.errors import SplitError
from oodml_bench.features import Features, open_features
from oodml_bench.hardness import FrechetDistance, frechet_distance
from oodml_bench.hardness.jackknife import fid_interval
from oodml_bench.hardness.null import Calibration, calibrated, default_draws, null_fids
from oodml_bench.hardness.size_free import SizeFree, size_free
from oodml_bench.progress import progress_of
from oodml_bench.splits.split import Split
from oodml_bench.splits.start import start_of
from oodml_bench.threads import one_thread

_NULL_STREAM = 3


@dataclass(frozen=True)
class Regularised:
    """The distance with changed covariances, and how they were changed; see `frechet_distance`."""

    shrinkage: float
    eps: float
    distance: FrechetDistance


@dataclass(frozen=True)
class Measured:
    """The distance of a split, and how far to trust it.

    Attributes
    ----------
    split
        The classes.
    is_default
        Whether they are the default split of the features, since none was given.
    others
        Number of classes of the features that are on neither side.
    dimension
        Of the features.
    distance
        The exact distance.
    regularised
        The same with `shrinkage` or `eps`; None without either.
    interval
        Ends of a 95 % interval by jackknife over classes; None where it is too dear or impossible.
    size_free
        The distances that do not depend on the numbers of classes; None where they are too dear.
    calibration
        The FID against random splits of the same classes at the same sizes; None without draws.
    """

    split: Split
    is_default: bool
    others: int
    dimension: int
    distance: FrechetDistance
    regularised: Regularised | None
    interval: tuple[float, float] | None
    size_free: SizeFree | None
    calibration: Calibration | None


def measure_split(
    features: Features | Path | str,
    train: Sequence[str] | None = None,
    test: Sequence[str] | None = None,
    *,
    shrinkage: float = 0.0,
    eps: float = 0.0,
    null_draws: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Measured:
    """Measure the distance between two sets of classes, and set it against random splits of them.

    Parameters
    ----------
    features
        Opened features, or the path of a feature store or of an `.npz` array file.
    train, test
        Class names of the two sides; without either, the default split of the features.
    shrinkage, eps
        Changes of the covariances for a second distance beside the exact one; see `frechet_distance`.
    null_draws
        Random splits to set the FID against; 0 leaves that out. 100 unless given, 20 with more than 5,000 classes.
    seed
        Decides the random splits.
    progress
        Show progress on standard error.

    Raises
    ------
    FeatureError
        Where the features cannot be read or are not finite.
    SplitError
        Where one side is given without the other, a class is unknown or named twice, a side holds fewer than two
        classes, or `null_draws` is below 0 or is 1.
    """
    if (train is None) != (test is None):
        given, missing = ("train", "test") if test is None else ("test", "train")
        raise SplitError(f"the {given} classes were given without the {missing} classes: give both sides, or neither")
    if seed < 0:
        raise SplitError(f"the seed must be at least 0, got {seed}")
    # Not held: where the features of all samples were read into memory, they are not needed any more.
    _, space, default = start_of(
        features if isinstance(features, Features) else open_features(features), progress=progress
    )
    split = default if train is None or test is None else Split(tuple(train), tuple(test))
    rows = space.indices(split.train), space.indices(split.test)
    null_draws = default_draws(len(split.classes)) if null_draws is None else null_draws
    with one_thread(), progress_of("Drawing random splits", 1 if null_draws else 0, shown=progress) as advance:
        distance = space.distance(*rows)
        regularised = None
        if shrinkage or eps:
            sides = (space.rows(side) for side in rows)
            regularised = Regularised(shrinkage, eps, frechet_distance(*sides, shrinkage=shrinkage, eps=eps))
        calibration = None
        if null_draws:
            rng = np.random.default_rng([seed, _NULL_STREAM])
            null = null_fids(space, np.concatenate(rows), len(rows[0]), draws=null_draws, rng=rng)
            calibration = calibrated(distance.fid, null)
            advance(1)
        return Measured(
            split=split,
            is_default=train is None,
            others=len(space.classes) - len(split.classes),
            dimension=space.dimension,
            distance=distance,
            regularised=regularised,
            interval=fid_interval(distance.fid, space, *rows),
            size_free=size_free(space, *rows),
            calibration=calibration,
        )
