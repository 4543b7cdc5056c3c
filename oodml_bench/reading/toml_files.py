"""TOML that may be broken or hostile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from oodml_bench.reading.bounded import UnreadableError, read_bounded
from oodml_bench.reading.cutting import cut

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Length of the longest file, some fifty times that of any bundled one.
MOST_BYTES = 65_536

#: Dots of a line. The parser takes time in proportion to the square of the length of a dotted key.
MOST_DOTS = 64

#: Tables and lists inside each other.
MOST_DEPTH = 16

_INTEGERS = range(-(2**63), 2**63)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    UnreadableError
        Where it is too long or no valid TOML in UTF-8, has a line of very many dots, a number beyond 64 bits, or tables
        that lie too deep.
    OSError
        Where the system cannot read it.
    """
    content = read_bounded(path, MOST_BYTES)
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.count(b".") > MOST_DOTS:
            raise UnreadableError(f"line {number} has more than {MOST_DOTS} dots; break it into several")
    try:
        parsed = tomllib.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise UnreadableError("its tables or lists lie too deep inside each other") from error
    except ValueError as error:
        raise UnreadableError(cut(error)) from error
    _check_values(parsed, 0)
    return parsed


def _check_values(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH:
        raise UnreadableError(f"more than {MOST_DEPTH} of its tables or lists lie inside each other")
    if isinstance(value, int) and value not in _INTEGERS:
        raise UnreadableError("it holds a number beyond 64 bits")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_values(entry, depth + 1)
