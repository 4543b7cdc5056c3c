"""Making text that comes from data harmless to a terminal."""

from __future__ import annotations

import re

#: C0 and C1 control characters and DEL, line and paragraph separators, embeddings, overrides and isolates of the
#: writing direction, halves of surrogate pairs. Joiners and direction marks stay: emoji and many scripts need them.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Give a text in which nothing steers a terminal, starts a line or changes the order of what is read.

    Parameters
    ----------
    text
        Any text, such as the name of a class.

    Returns
    -------
    str
        The same text with control characters as Python writes them: `\x1b`, `\n`, `\u202e`. It can be written as UTF-8.

    Examples
    --------
    >>> print(printable("gull\n\x1b[2Jterns"))
    gull\n\x1b[2Jterns
    """
    return _HARMFUL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
