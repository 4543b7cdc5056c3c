"""A check, and what it found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: `unchecked`: what it needs was not given, or the benchmark does not hold it.
Status = Literal["passed", "failed", "unchecked"]

#: How many names a problem lists.
_LISTED = 3


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes
    ----------
    name
        What has to be true: `train and test are disjoint`.
    status
        Whether it is.
    note
        What was looked at, or why it could not be checked.
    problems
        A sentence for each way in which it is not true.
    """

    name: str
    status: Status
    note: str
    problems: tuple[str, ...] = field(default=())


def checked(name: str, problems: Iterable[str], looked_at: str) -> Check:
    """Give a check that fails where there is a problem."""
    found = tuple(problems)
    return Check(name, "failed" if found else "passed", looked_at, found)


def unchecked(name: str, reason: str) -> Check:
    """Give a check that could not be made."""
    return Check(name, "unchecked", reason)


def counted(names: Iterable[str], noun: str = "classes") -> str:
    """Count some names, and list the first few, sorted: `2 classes: 'a', 'b'`."""
    ordered = sorted(names)
    rest = len(ordered) - _LISTED
    return f"{len(ordered)} {noun}: {', '.join(map(repr, ordered[:_LISTED]))}" + (
        f" and {rest} more" if rest > 0 else ""
    )


def repeated(names: Sequence[str]) -> list[str]:
    """Give the names that occur more than once."""
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
