"""The steps of the walks on which features disagree most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from oodml_bench.splits.benchmark import Walk
from oodml_bench.splits.scores import Scores

#: Steps that are listed.
MOST_DISPUTED = 10


@dataclass(frozen=True)
class DisputedStep:
    """A step that changes the normalised FID differently under different features.

    Attributes
    ----------
    walk
        `harder`, `easier` or `removal`.
    id
        The step's name.
    to_test, to_train, removed
        The classes that changed side or were removed since the step before.
    changes
        Label of the features → change of the normalised FID since the step before.
    highest, lowest
        The labels with the greatest and the least change.
    difference
        Between those two.
    """

    walk: str
    id: str
    to_test: tuple[str, ...]
    to_train: tuple[str, ...]
    removed: tuple[str, ...]
    changes: dict[str, float]
    highest: str
    lowest: str
    difference: float


def disputed_steps(walks: Sequence[Walk], compared: Sequence[Scores]) -> tuple[DisputedStep, ...]:
    """Give the steps with the greatest difference between the features, the greatest first; of equals the earlier.

    Parameters
    ----------
    walks
        The walks of the benchmark.
    compared
        Scores of their steps, those of the benchmark first; scores without an order of the levels have no normalised
        FID and no say.
    """
    ordered = [scores for scores in compared if scores.has_order]
    if len(ordered) < 2:
        return ()
    steps = [
        _disputed(walk, position, ordered)
        for walk in walks
        for position, (before, step) in enumerate(pairwise(walk.steps), start=1)
        if before.id in ordered[0].steps and step.id in ordered[0].steps
    ]
    return tuple(sorted(steps, key=lambda step: -step.difference)[:MOST_DISPUTED])


def _disputed(walk: Walk, position: int, compared: Sequence[Scores]) -> DisputedStep:
    before, step = walk.steps[position - 1 : position + 1]
    changes = {scores.label: _change(scores, before.id, step.id) for scores in compared}
    highest, lowest = max(changes, key=changes.__getitem__), min(changes, key=changes.__getitem__)
    return DisputedStep(
        walk=walk.kind,
        id=step.id,
        to_test=step.to_test,
        to_train=step.to_train,
        removed=step.removed,
        changes=changes,
        highest=highest,
        lowest=lowest,
        difference=changes[highest] - changes[lowest],
    )


def _change(scores: Scores, before: str, step: str) -> float:
    fids = [score.fid for score in scores.levels.values()]
    return (scores.steps[step].fid - scores.steps[before].fid) / (max(fids) - min(fids))
