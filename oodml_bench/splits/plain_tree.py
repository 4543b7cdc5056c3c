"""Whether built-in values are a tree of bounded size, before anything walks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

#: A benchmark's samples lie eight containers deep.
MOST_DEPTH = 32

#: Most characters of a text.
MOST_CHARACTERS = 4_096

_CONTAINERS = (list, tuple, dict)
_PLAIN = {list, tuple, dict, str, int, float, bool, bytes, type(None)}


def check_tree(root: Any, most_values: int) -> None:
    """Refuse what would be endless, very deep or very large if it were copied entry by entry.

    A list may be an entry of many lists, so that thirty of them hold a thousand million values. What is counted is how
    many values there are with every container counted wherever it is an entry; each container is looked at once.

    Parameters
    ----------
    root
        Nested lists, tuples and dicts, of which one may be in several places. The keys of dicts are text or numbers.
    most_values
        How many values are allowed.

    Raises
    ------
    ValueError
        Where a container holds itself, containers lie too deep, there are too many values, a text is too long or no
        valid Unicode, or a value is of another type.
    """
    _check_values([root])
    if not isinstance(root, _CONTAINERS):
        return
    measured: dict[int, tuple[int, int]] = {}
    begun: set[int] = set()
    waiting: list[tuple[Any, int, list[Any] | None]] = [(root, 1, None)]
    while waiting:
        container, depth, inner = waiting.pop()
        _check_depth(depth)
        if inner is not None:
            measured[id(container)] = _measure(container, [measured[id(entry)] for entry in inner], most_values)
        elif id(container) not in measured:
            if id(container) in begun:
                raise ValueError("a container that holds itself")
            begun.add(id(container))
            inner = _containers_in(container)
            waiting.append((container, depth, inner))
            waiting += [(entry, depth + 1, None) for entry in inner]


def _containers_in(container: Any) -> list[Any]:
    entries = container
    if isinstance(container, dict):
        _check_values(container.keys())
        entries = container.values()
    _check_values(entries)
    return [entry for entry in entries if type(entry) in _CONTAINERS]


def _check_values(values: Iterable[Any]) -> None:
    for value in values:
        kind = type(value)
        if kind not in _PLAIN:
            raise ValueError(f"a value of type {kind.__name__}")
        if (kind is str or kind is bytes) and len(value) > MOST_CHARACTERS:
            raise ValueError(f"a text of {len(value)} characters, more than {MOST_CHARACTERS}")
        if kind is str and not value.isascii():
            # Halves of surrogate pairs cannot be written again.
            value.encode()


def _measure(container: Any, inner: Sequence[tuple[int, int]], most_values: int) -> tuple[int, int]:
    """Give how many values there are in a container, and how deep it is."""
    count = len(container) + sum(size for size, _ in inner)
    depth = 1 + max((depth for _, depth in inner), default=0)
    if count > most_values:
        raise ValueError(f"more than {most_values} values, by holding the same ones again and again")
    # It may have been measured before, where it lies less deep.
    _check_depth(depth)
    return count, depth


def _check_depth(depth: int) -> None:
    if depth > MOST_DEPTH:
        raise ValueError(f"more than {MOST_DEPTH} containers inside each other")
