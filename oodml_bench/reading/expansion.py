"""How much a compressed file may become."""

from __future__ import annotations

from oodml_bench.reading.bounded import MEBIBYTE, UnreadableError

#: Bytes of content for a byte of a file. Numbers and names compress by less; a bomb by a thousand and more.
MOST_TIMES = 64

#: Bytes of content that are never too many.
FREE = 64 * MEBIBYTE


def check_expansion(content_bytes: int, file_bytes: int) -> None:
    """Refuse a file whose content would be much larger than itself, before any of it is read.

    Raises
    ------
    UnreadableError
        Where it is.
    """
    allowed = FREE + MOST_TIMES * file_bytes
    if content_bytes > allowed:
        raise UnreadableError(
            f"its {file_bytes} bytes would become {content_bytes}, and {allowed} are allowed; if that is right, save "
            "it without compression and dictionaries"
        )
