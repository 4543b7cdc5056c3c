"""Writing files so that nothing is lost."""

import os
from pathlib import Path

import pytest

from oodml_bench.output import write_bytes

fcntl = pytest.importorskip("fcntl")


def test_what_is_flushed_was_opened_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Elsewhere than on POSIX a read-only handle cannot be flushed.
    modes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: modes.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE))
    write_bytes(tmp_path / "x", b"content")
    assert modes == [os.O_RDWR]
    assert (tmp_path / "x").read_bytes() == b"content"
