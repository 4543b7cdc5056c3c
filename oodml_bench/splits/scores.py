"""The FIDs of one ladder under one kind of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.rank_order import settled


@dataclass(frozen=True)
class Score:
    """The FID of one split.

    Attributes
    ----------
    fid
        In squared units of its features.
    normalised
        The FID over the levels' range: 0 at their lowest, 1 at their highest, beyond for a step beyond the levels. None
        where all levels have the same FID.
    """

    fid: float
    normalised: float | None


@dataclass(frozen=True)
class Scores:
    """The FIDs of one ladder under one kind of features.

    Attributes
    ----------
    label
        By which they are told apart.
    features
        Their specification (backbone, weights, transform, dimension, …) and SHA-256, as far as known.
    built_from
        Whether these are the features that the benchmark was built from.
    rounding
        The difference up to which two FIDs count as equal, in squared feature units.
    levels
        Level number → score.
    steps
        Step of the walks → score, where the file holds walks.
    changed
        Neighbouring levels that these features put in the opposite order.
    """

    label: str
    features: dict[str, str | int | None]
    built_from: bool
    rounding: float
    levels: dict[int, Score]
    steps: dict[str, Score] = field(repr=False)
    changed: tuple[tuple[int, int], ...] = ()

    @property
    def settled_levels(self) -> NDArray[np.float64]:
        """The FIDs of the levels, those equal that differ by rounding alone."""
        return settled([score.fid for score in self.levels.values()], self.rounding)

    @property
    def has_order(self) -> bool:
        """Whether not all levels have the same FID."""
        return all(score.normalised is not None for score in self.levels.values())


def graded(
    label: str,
    features: Mapping[str, str | int | None],
    levels: Mapping[int, float],
    steps: Mapping[str, float],
    *,
    rounding: float,
    built_from: bool,
) -> Scores:
    """Normalise FIDs over the range of the levels; parameters as the attributes of `Scores`."""
    lowest, highest = min(levels.values()), max(levels.values())
    has_range = highest - lowest > rounding

    def score(fid: float) -> Score:
        return Score(fid, (fid - lowest) / (highest - lowest) if has_range else None)

    return Scores(
        label=label,
        features=dict(features),
        built_from=built_from,
        rounding=rounding,
        levels={number: score(fid) for number, fid in levels.items()},
        steps={step: score(fid) for step, fid in steps.items()},
    )
