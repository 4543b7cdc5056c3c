"""Choosing the levels of a benchmark from the steps of its progressions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.splits.progression import Progression, Step


def candidates(progressions: Sequence[Progression]) -> list[Step]:
    """Give the steps that may become levels, by rising FID, each class set once.

    Steps behind a progression's extreme are left out.
    """
    first_of_split = {
        step.split: step for progression in reversed(progressions) for step in progression.until_extreme()
    }
    return sorted(first_of_split.values(), key=lambda step: step.fid)


def spread_levels(steps: Sequence[Step], count: int, default: Step) -> list[Step]:
    """Pick steps spread evenly in FID between the easiest and the hardest, among them the default split.

    Parameters
    ----------
    steps
        Candidates by rising FID.
    count
        Number of levels.
    default
        The dataset's own split; it takes the place nearest to it.

    Raises
    ------
    SplitError
        Where `count` is below 1 or above the number of candidates.
    """
    if not 1 <= count <= len(steps):
        raise SplitError(
            f"{count} levels were asked for, but the progressions hold {len(steps)} different splits: "
            f"ask for 1 to {len(steps)} levels"
        )
    fids = np.array([step.fid for step in steps])
    targets = np.linspace(fids[0], fids[-1], count)
    position = next(index for index, step in enumerate(steps) if step.split == default.split)
    place = _place_of(position, targets, fids)
    chosen: list[int] = []
    for index, target in enumerate(targets):
        # Leave room for the levels still to come, and keep the default's place for it.
        earliest = chosen[-1] + 1 if chosen else 0
        latest = len(steps) - (count - index) if index >= place else position - (place - index)
        window = fids[earliest : latest + 1]
        nearest = earliest + int(np.argmin(np.abs(window - target)))
        chosen.append(position if index == place else nearest)
    return [steps[index] for index in chosen]


def _place_of(position: int, targets: NDArray[np.float64], fids: NDArray[np.float64]) -> int:
    """Give the index of the target that the default replaces: the nearest that leaves room on both sides.

    A default between the easiest and the hardest replaces neither of them, where there are levels besides.
    """
    last, last_step = len(targets) - 1, len(fids) - 1
    lowest, highest = max(0, last - (last_step - position)), min(last, position)
    if last > 1 and 0 < position < last_step:
        lowest, highest = max(lowest, 1), min(highest, last - 1)
    return min(range(lowest, highest + 1), key=lambda place: abs(float(targets[place] - fids[position])))


def named_levels(progressions: Sequence[Progression], ids: Sequence[str]) -> list[Step]:
    """Pick steps by their names (see `Step`): `-6`, `0`, `16`, `R18`; by rising FID.

    Raises
    ------
    SplitError
        Where no name is given, a name is not among the steps, or one is given twice.
    """
    by_id = {step.id: step for progression in reversed(progressions) for step in progression.steps}
    unknown = [name for name in ids if name not in by_id]
    if unknown or not ids:
        raise SplitError(
            f"no step named {', '.join(unknown) or '(none given)'}; there are {_ranges(progressions)}. "
            "With a smaller --min-classes removal goes on for longer."
        )
    levels = sorted((by_id[name] for name in ids), key=lambda step: step.fid)
    if len({level.split for level in levels}) < len(levels):
        raise SplitError(f"a split may become one level, once; two of these are the same: {', '.join(ids)}")
    return levels


def _ranges(progressions: Sequence[Progression]) -> str:
    return ", ".join(
        f"{progression.steps[0].id} to {progression.steps[-1].id} ({progression.kind}, {len(progression.steps)} steps)"
        for progression in progressions
    )
