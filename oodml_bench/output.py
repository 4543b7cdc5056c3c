"""Writing files so that nothing is lost or half-written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oodml_bench.errors import OutputError, OutputExistsError


@contextmanager
def explained_os_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into an `OutputError` that names it."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write {path}: {reason}. Choose a folder that is writable and has free space."
        ) from error


def refuse_to_overwrite(path: Path, *, overwrite: bool) -> None:
    """Raise `OutputExistsError` if `path` exists and `overwrite` is off."""
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists already. Choose another output, or pass --overwrite to replace it.")


def check_writable(path: Path) -> None:
    """Raise `OutputError` where `path` could not be written: before long work, not after it."""
    with explained_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = _unfinished(path)
        probe.touch()
        probe.unlink()


def _unfinished(path: Path) -> Path:
    return path.with_name(f".unfinished-{path.name}")


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name is fixed, so that what a killed run left is overwritten by the next one, and keeps the suffix,
    since writers choose the format by it.

    Raises
    ------
    OutputError
        When the folder cannot be made or written, or is full.
    """
    temporary = _unfinished(path)
    with explained_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("r+b") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` by way of a temporary file and a rename."""
    with replaced_atomically(path) as temporary:
        temporary.write_bytes(content)
