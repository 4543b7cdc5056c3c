"""JSON that may be broken or hostile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from oodml_bench.reading.bounded import MEBIBYTE, UnreadableError, read_bounded

#: Length of the longest description that is read, and how many of its tables may lie inside each other.
MOST_DESCRIPTION_BYTES = 16 * MEBIBYTE
MOST_DESCRIPTION_DEPTH = 32

#: The escape of half a character; where the other half is missing, the text cannot be written.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(content: bytes | str) -> Any:
    """Parse JSON.

    Raises
    ------
    UnreadableError
        Where it is not valid JSON in UTF-8, holds half a surrogate pair, lies too deep, or has a number of thousands of
        digits.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        parsed = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")
        return parsed
    except RecursionError as error:
        raise UnreadableError("its values lie too deep inside each other") from error
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def read_description(path: Path) -> Any:
    """Read a JSON file of settings, such as the description of a run.

    Raises
    ------
    UnreadableError
        Where it is not valid JSON, longer than 16 MiB, or its values lie more than 32 deep.
    OSError
        Where the system cannot read it.
    """
    parsed = parse_json(read_bounded(path, MOST_DESCRIPTION_BYTES))
    _check_depth(parsed, 0)
    return parsed


def _check_depth(value: Any, depth: int) -> None:
    if depth > MOST_DESCRIPTION_DEPTH:
        raise UnreadableError(f"its values lie more than {MOST_DESCRIPTION_DEPTH} deep inside each other")
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(entry, depth + 1)
