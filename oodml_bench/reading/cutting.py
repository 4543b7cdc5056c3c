"""Keeping what a message quotes short."""

from __future__ import annotations

import reprlib

#: Characters of a quotation, enough for what a reader of a file has to say.
MOST_QUOTED = 300


def cut(text: object, most: int = MOST_QUOTED) -> str:
    """Give a text, or the text of an error, in at most `most` characters: its beginning and `…` where it is longer."""
    whole = str(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def quoted(value: object) -> str:
    """Give a value as Python writes it, shortened where it is long, deep or holds much."""
    return cut(_SHORT.repr(value))


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
