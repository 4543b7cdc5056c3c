"""Reading a whole file, if it is not too large."""

from __future__ import annotations

from pathlib import Path

MEBIBYTE = 2**20


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
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise UnreadableError(f"it is longer than {most_bytes / MEBIBYTE:g} MiB, the most that is read")
    return content
