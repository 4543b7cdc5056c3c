"""Writing files so that nothing is lost, half-written or mixed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from oodml_bench.errors import LockedError, OutputError, OutputExistsError
from oodml_bench.locations import remote
from oodml_bench.remote import RemotePath
from oodml_bench.temporary import temporary_folder

#: What the names of files start with that are being written, or that a killed process left behind.
UNFINISHED_PREFIX = ".unfinished-"

#: Seconds that one process waits for another that is writing the same file.
_PATIENCE = 60.0

#: Seconds between two tries to get a lock.
_POLL = 0.02


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
    place = remote(path)
    if place is not None:
        place.try_writing(f"{UNFINISHED_PREFIX}{path.name}")
        return
    with explained_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            pass


@contextmanager
def exclusive(lock: Path, *, wait: float) -> Iterator[None]:
    """Hold a lock file while the block runs; whatever ends the process lets go of it.

    Parameters
    ----------
    lock
        The file, in a folder that exists. It is removed with the block, and stays where the process is killed, without
        being held.
    wait
        Seconds that another process is waited for.

    Raises
    ------
    filelock.Timeout
        Where another process holds it still.
    OSError
        Where it cannot be made.
    """
    held = FileLock(lock)
    held.acquire(timeout=wait, poll_interval=_POLL)
    try:
        yield
    finally:
        # While it is held: afterwards it may be another's. Windows refuses, and removes it with the release.
        with suppress(OSError):
            lock.unlink()
        held.release()


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{UNFINISHED_PREFIX}{path.name}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let no other process write `path` meanwhile."""
    try:
        with exclusive(path.with_name(f"{UNFINISHED_PREFIX}{path.name}.lock"), wait=_PATIENCE):
            yield
    except Timeout as error:
        raise LockedError(
            f"cannot write {path}: another process has been writing it for {_PATIENCE:.0f} seconds. Wait until it "
            "ends, or choose another output."
        ) from error


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name is fixed, so that what a killed run left is overwritten by the next one, and keeps the suffix,
    since writers choose the format by it. Of several processes that write `path`, one waits for the other: the file is
    always one's whole work, and where blocks for several paths are nested in one order, all of them are one's.

    For a path at a URL the temporary file lies on this machine, and is uploaded when the block ends: storage shows a
    file when all of it is there. No process waits for another then; each file is whole, and is the last one's.

    Raises
    ------
    OutputError
        When the folder cannot be made or written, or is full.
    LockedError
        When another process has been writing `path` for a minute.
    """
    place = remote(path)
    if place is not None:
        with _uploaded(place) as local:
            yield local
        return
    temporary = _unfinished(path)
    with explained_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
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


@contextmanager
def _uploaded(path: RemotePath) -> Iterator[Path]:
    """Give a temporary path on this machine, and upload what is there when the block ends without an error."""
    with temporary_folder() as folder:
        temporary = folder / path.name
        try:
            yield temporary
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}, in the folder for temporary files, {folder.parent}. "
                "Name another one by TMPDIR."
            ) from error
        path.upload(temporary)
