"""Folders for temporary files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oodml_bench.errors import OutputError


def temporary_root() -> Path:
    """Give the folder in which temporary files are made (`TMPDIR`).

    Raises
    ------
    OutputError
        Where there is none.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise _missing(error) from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for temporary files, which is removed when the block ends.

    Raises
    ------
    OutputError
        Where none can be made.
    """
    try:
        folder = tempfile.TemporaryDirectory(dir=temporary_root())
    except OSError as error:
        raise _missing(error) from error
    with folder as name:
        yield Path(name)


def _missing(error: OSError) -> OutputError:
    return OutputError(f"there is no folder for temporary files: {error}. Name one by TMPDIR.")
