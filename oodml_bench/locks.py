"""Locks on folders, so that no two processes write into one at the same time."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from filelock import Timeout

from oodml_bench.errors import LockedError, OutputExistsError
from oodml_bench.locations import remote
from oodml_bench.output import UNFINISHED_PREFIX, exclusive, explained_os_errors, write_bytes

#: In a folder that a process writes into.
LOCK_NAME = ".lock"

#: Beside it: who that is. Not in the lock file itself, since on Windows nobody else can read what is locked.
HOLDER_NAME = ".lock-holder.json"

#: Seconds. The loader processes of a holder that was killed keep its lock until they have noticed.
_WAIT = 3.0


@contextmanager
def held(folder: Path, *, share: str | None = None) -> Iterator[None]:
    """Keep a folder for this process while the block runs; make it where it does not exist.

    With a `share`, such as `3/16`, keep only that share of the folder: other processes may hold other shares.

    Whatever ends the process, also a kill, lets go of the folder. The lock counts on every machine that sees the
    folder, if its file system has locks: local ones and NFS do. Storage at a URL has none: there every process gets
    the folder, and whoever starts them sees to it that each has its own.

    Raises
    ------
    LockedError
        Where another process has the folder: says which, and since when.
    OutputExistsError
        Where the folder is a file.
    OutputError
        Where it cannot be made or written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder} exists already, and is a file. Choose a folder.")
    if remote(folder) is not None:
        yield
        return
    suffix = "" if share is None else f"-{share.replace('/', '-of-')}"
    lock, holder = folder / f"{LOCK_NAME}{suffix}", folder / f"{HOLDER_NAME}{suffix}"
    with ExitStack() as stack:
        # The block's own errors are not about writing the folder.
        with explained_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(exclusive(lock, wait=_WAIT))
            except Timeout as error:
                raise LockedError(_refusal(folder, holder)) from error
            stack.callback(_forget, holder)
            write_bytes(holder, _this_process())
        yield


def _forget(holder: Path) -> None:
    with suppress(OSError):
        holder.unlink()


def _this_process() -> bytes:
    holder = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    return (json.dumps(holder, indent=1) + "\n").encode()


def _refusal(folder: Path, holder: Path) -> str:
    return (
        f"{folder} is in use: {_process_in(holder)} is writing there. Wait until it ends, or end it, then run the same "
        "command again; or choose another output."
    )


def _process_in(holder: Path) -> str:
    try:
        process = json.loads(holder.read_text(encoding="utf-8"))
        return "process {pid} on {host}, since {since} ({command}),".format(**process)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        # Not written yet, or gone already.
        return "another process"


def is_bookkeeping(name: str) -> bool:
    """Say whether a file is one of those that tell of work in a folder: a lock, or what a killed process left."""
    return name.startswith((LOCK_NAME, HOLDER_NAME, UNFINISHED_PREFIX))
