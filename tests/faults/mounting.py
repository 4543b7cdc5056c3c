"""File systems of a process alone, which vanish with it: small ones, and ones that cannot be written."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from tests.faults.processes import IMPOSSIBLE

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_READ_ONLY, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000


def mount_small(folder: Path, kibibytes: int) -> None:
    """Put an empty file system of a size on a folder, for this process and its children; exit where that is refused."""
    _leave_mounts()
    _call("mount", b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={kibibytes}k".encode())


def make_read_only(folder: Path) -> None:
    """Let this process and its children read a folder alone, even as root; exit where that is refused."""
    _leave_mounts()
    _call("mount", bytes(folder), bytes(folder), None, _BIND, None)
    _call("mount", None, bytes(folder), None, _BIND | _REMOUNT | _READ_ONLY, None)


def _leave_mounts() -> None:
    """Give this process mounts of its own; users who are not root become it for that."""
    _call("unshare", _NEW_MOUNTS | (0 if os.geteuid() == 0 else _NEW_USER))
    _call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        print(f"{name}: {os.strerror(ctypes.get_errno())}")
        os._exit(IMPOSSIBLE)
