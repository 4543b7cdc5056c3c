"""Reading a whole file, if it is not too large."""

from __future__ import annotations

from pathlib import Path

MEBIBYTE = 2**20

#: Bytes that are asked for at once: as much memory is taken as is asked for, whatever there is to read.
_PIECE = MEBIBYTE


class UnreadableError(ValueError):
    """A file is larger, deeper or otherwise other than any that is meant to be read here; says in what."""


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Read a file; one that goes on and on, such as a device, is not read to its end.

    Parameters
    ----------
    path
        The file.
    most_bytes
        Length up to which it is read.

    Raises
    ------
    UnreadableError
        Where it is longer.
    OSError
        Where the system cannot read it.
    """
    pieces: list[bytes] = []
    left = most_bytes + 1
    with path.open("rb") as file:
        while left and (piece := file.read(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    if not left:
        raise UnreadableError(f"it is longer than {most_bytes / MEBIBYTE:g} MiB, the most that is read")
    return b"".join(pieces)
