"""A split: two disjoint sets of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oodml_bench.errors import SplitError

#: With fewer classes there is no other split to find: a distance needs two on each side.
MIN_CLASSES = 4


@dataclass(frozen=True)
class Split:
    """Two disjoint sets of classes, each sorted.

    Raises
    ------
    SplitError
        Where a class is named twice or stands on both sides.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "train", tuple(sorted(self.train)))
        object.__setattr__(self, "test", tuple(sorted(self.test)))
        everyone = (*self.train, *self.test)
        if len(set(everyone)) < len(everyone):
            twice = sorted({name for name in everyone if everyone.count(name) > 1})
            raise SplitError(f"a class may stand on one side of a split, once; named more often: {twice[:5]}")

    @property
    def classes(self) -> frozenset[str]:
        """The classes of both sides together."""
        return frozenset(self.train) | frozenset(self.test)

    def swaps_from(self, start: Split) -> int:
        """Count the classes that stood on the train side of `start` and stand on the test side here."""
        return len(set(start.train) & set(self.test))


def starting_split(
    classes: Sequence[str], default_halves: tuple[tuple[str, ...], tuple[str, ...]] | None = None
) -> Split:
    """Give the split from which a search starts: the dataset's own halves, or the halves of the sorted classes.

    Raises
    ------
    SplitError
        With fewer than four classes.
    """
    if len(classes) < MIN_CLASSES:
        raise SplitError(f"a benchmark needs at least {MIN_CLASSES} classes, got {len(classes)}")
    if default_halves is not None:
        return Split(*default_halves)
    ordered = sorted(classes)
    half = len(ordered) // 2
    return Split(tuple(ordered[:half]), tuple(ordered[half:]))
