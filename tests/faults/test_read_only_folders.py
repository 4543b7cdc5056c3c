"""Folders that cannot be written: an error that names the file, before and after work was begun there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from oodml_bench.errors import OutputError
from tests.faults import work
from tests.faults.conftest import begun
from tests.faults.mounting import make_read_only
from tests.faults.outcomes import outcome
from tests.faults.processes import IMPOSSIBLE, finished

WORKS = [work.extracting, work.building, work.training, work.adapting, work.reporting, work.plotting]


def where_nothing_can_be_written(of: work.Work, prepared: Path, out: Path) -> None:
    make_read_only(out)
    with pytest.raises(OutputError, match=rf"cannot write {out}.*: Read-only file system\. Choose a folder"):
        of(prepared, out)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
@pytest.mark.parametrize("of", WORKS)
def test_a_read_only_file_system_is_told(of: work.Work, prepared: Path, tmp_path: Path) -> None:
    out = begun(of, prepared, tmp_path / "out")
    out.mkdir(exist_ok=True)
    before = outcome(out)
    code = finished(where_nothing_can_be_written, of, prepared, out)
    if code == IMPOSSIBLE:
        pytest.skip("this machine lets nobody mount")
    assert code == 0
    assert outcome(out) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("of", WORKS)
def test_a_folder_without_the_right_to_write_is_told(of: work.Work, prepared: Path, tmp_path: Path) -> None:
    out = begun(of, prepared, tmp_path / "out")
    out.mkdir(exist_ok=True)
    out.chmod(0o555)
    try:
        with pytest.raises(OutputError, match=r"cannot write .*: Permission denied\. Choose a folder"):
            of(prepared, out)
    finally:
        out.chmod(0o755)


@pytest.mark.parametrize("of", [work.extracting, work.training])
def test_what_is_finished_needs_no_right_to_write(of: work.Work, prepared: Path, tmp_path: Path) -> None:
    assert finished(of, prepared, tmp_path / "out") == 0
    code = finished(finished_and_read_only, of, prepared, tmp_path / "out")
    if code == IMPOSSIBLE:
        pytest.skip("this machine lets nobody mount")
    assert code == 0


def finished_and_read_only(of: work.Work, prepared: Path, out: Path) -> None:
    make_read_only(out)
    of(prepared, out)
