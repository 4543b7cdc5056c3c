"""Classes that stay together: which group each belongs to, and a start that keeps groups whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.reading.bounded import MEBIBYTE, read_bounded
from oodml_bench.reading.cutting import cut, quoted
from oodml_bench.splits.split import Split

Indices = NDArray[np.intp]

#: Greatest difference between the sides' numbers of classes, as a share of both together.
GREATEST_IMBALANCE = 0.1

#: Length of the longest file of groups that is read.
MOST_BYTES = 64 * MEBIBYTE

#: The word that stands for the superclasses of the features; anything else is a file.
BY_SUPERCLASS = "superclass"


def groups_of(classes: Sequence[str], by: str, superclasses: Mapping[str, str]) -> dict[str, str]:
    """Give the group of every class: its superclass, or what a CSV file of two columns, class and group, says.

    Raises
    ------
    SplitError
        Where a class has no group, the file cannot be read, or there are fewer than four groups.
    """
    known = superclasses if by == BY_SUPERCLASS else _read_groups(Path(by))
    lacking = sorted(set(classes) - set(known))
    if lacking:
        source = "the features name no superclass" if by == BY_SUPERCLASS else f"{by} names no group"
        raise SplitError(f"{source} for {len(lacking)} of {len(classes)} classes, among them {quoted(lacking[:5])}")
    groups = {name: known[name] for name in classes}
    if len(set(groups.values())) < 4:
        raise SplitError(f"whole groups need at least 4 groups, got {quoted(sorted(set(groups.values())))}")
    return groups


def _read_groups(path: Path) -> dict[str, str]:
    try:
        text = read_bounded(path, MOST_BYTES).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise SplitError(
            f"cannot read groups from {path}: {cut(error)}. It must be a CSV file of class and group, or the word "
            f"{BY_SUPERCLASS!r}"
        ) from None
    wrong = next((number for number, row in enumerate(rows, start=1) if len(row) != 2), None)
    if wrong is not None:
        raise SplitError(f"row {wrong} of {path} holds {len(rows[wrong - 1])} columns, not a class and a group")
    return {name.strip(): group.strip() for name, group in rows}


def rows_of_groups(space: ClassSpace, classes: Iterable[str], groups: Mapping[str, str]) -> dict[str, Indices]:
    """Give the rows of the classes of each group that some classes belong to, by the sorted names of the groups."""
    members: dict[str, list[str]] = {}
    for name in classes:
        members.setdefault(groups[name], []).append(name)
    return {group: space.indices(members[group]) for group in sorted(members)}


def is_balanced(train_count: int, test_count: int) -> bool:
    """Whether the sides are near enough to equal."""
    return abs(train_count - test_count) <= GREATEST_IMBALANCE * (train_count + test_count)


def grouped_start(start: Split, groups: Mapping[str, str]) -> Split:
    """Give the default split where it keeps groups whole and is balanced, or the first half of the sorted groups.

    As nearly a half of the classes as whole groups allow, by the groups that come first in alphabetical order.

    Raises
    ------
    SplitError
        Where no division of the groups is near enough to equal.
    """
    on_train = {groups[name] for name in start.train}
    if not on_train & {groups[name] for name in start.test} and is_balanced(len(start.train), len(start.test)):
        return start
    everyone = sorted(start.classes)
    sizes: dict[str, int] = {}
    for name in everyone:
        sizes[groups[name]] = sizes.get(groups[name], 0) + 1
    chosen = _nearest_to_half(sizes)
    train = tuple(name for name in everyone if groups[name] in chosen)
    if not is_balanced(len(train), len(everyone) - len(train)):
        largest = max(sizes, key=lambda group: sizes[group])
        raise SplitError(
            f"{len(sizes)} whole groups of {len(everyone)} classes make sides of {len(train)} and "
            f"{len(everyone) - len(train)} classes at best, more than {GREATEST_IMBALANCE:.0%} of them apart: "
            f"the largest group, {quoted(largest)}, holds {sizes[largest]} classes. Divide it, or leave it out."
        )
    return Split(train, tuple(sorted(start.classes - set(train))))


def _nearest_to_half(sizes: Mapping[str, int]) -> frozenset[str]:
    """Give the groups whose sizes add up most nearly to a half: all sums that can be reached, group after group."""
    total = sum(sizes.values())
    reached: dict[int, frozenset[str]] = {0: frozenset()}
    for group in sorted(sizes):
        for count, chosen in list(reached.items()):
            reached.setdefault(count + sizes[group], chosen | {group})
    return reached[min(reached, key=lambda count: (abs(2 * count - total), count))]
