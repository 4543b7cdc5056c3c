"""Writing settings as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_of(content: Mapping[str, Any], table: str = "") -> str:
    """Write tables of numbers, text, switches and lists of these as TOML; None is left out, TOML has no word for it.

    Examples
    --------
    >>> print(toml_of({"trains": "head", "training": {"epochs": 30, "validate": True}}), end="")
    trains = "head"
    <BLANKLINE>
    [training]
    epochs = 30
    validate = true
    """
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    lines = [
        f"{name} = {_value(value)}\n" for name, value in content.items() if name not in tables and value is not None
    ]
    text = (f"[{table}]\n" if table and (lines or not tables) else "") + "".join(lines)
    below = [toml_of(inner, f"{table}.{name}" if table else name) for name, inner in tables.items()]
    return "\n".join(part for part in (text, *below) if part)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    # Text and switches are written as in JSON; TOML wants this one character escaped besides.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
