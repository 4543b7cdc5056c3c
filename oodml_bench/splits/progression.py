"""A progression: the sequence of splits that a search walks through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from oodml_bench.hardness import FrechetDistance
from oodml_bench.splits.split import Split

Direction = Literal["easier", "harder"]
Method = Literal["best", "greedy", "paper", "random"]

#: Called with 1 after each step of a search.
OnStep = Callable[[int], None]


def sign_of(direction: Direction) -> int:
    """Give the sign by which FIDs are multiplied so that a higher score is better in a direction."""
    return 1 if direction == "harder" else -1


@dataclass(frozen=True)
class Step:
    """One split of a progression.

    Attributes
    ----------
    id
        `6` after six swaps towards harder, `-6` towards easier, `R18` after eighteen classes a side were removed. The
        start is `0`. The published study names its steps in this way, but removed only about two thirds as many classes
        as its names say.
    split
        The classes.
    distance
        Their exact distance.
    """

    id: str
    split: Split
    distance: FrechetDistance

    @property
    def fid(self) -> float:
        """The FID of the split."""
        return self.distance.fid


@dataclass(frozen=True)
class Progression:
    """The steps of one search, in the order in which it took them."""

    kind: Literal["harder", "easier", "removal"]
    steps: tuple[Step, ...]

    @property
    def hardest(self) -> Step:
        """The step with the highest FID; the first of equals."""
        return max(self.steps, key=lambda step: step.fid)

    def until_extreme(self) -> tuple[Step, ...]:
        """Give the steps up to the lowest FID of an easier progression, up to the highest of any other.

        The published swap rule walks on past its extreme; the splits behind it repeat distances at more swaps.
        """
        sign = -1 if self.kind == "easier" else 1
        extreme = max(range(len(self.steps)), key=lambda index: sign * self.steps[index].fid)
        return self.steps[: extreme + 1]
