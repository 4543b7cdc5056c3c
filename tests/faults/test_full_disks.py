"""Disks that are full, and quotas: an error that names the file, and the same command goes on when there is space."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oodml_bench.errors import OutputError
from tests.faults import work
from tests.faults.conftest import begun
from tests.faults.mounting import mount_small
from tests.faults.outcomes import files_in, named, outcome
from tests.faults.processes import IMPOSSIBLE, finished

#: Kibibytes of the disk, and of it those that become free after every failure: whole pages, as a tmpfs counts.
SIZE = 8192
STEPS = {
    work.extracting: 8,
    work.building: 8,
    work.training: 4,
    work.adapting: 8,
    work.reporting: 1024,
    work.plotting: 12,
}


def as_space_becomes_free(of: work.Work, prepared: Path, disk: Path, told: Path) -> None:
    """Do work on a disk that is full at first and less full after each failure; leave what came of it in `told`."""
    mount_small(disk, SIZE)
    out = begun(of, prepared, disk / "out")
    filler = disk / "filler"
    fill(filler)
    failures = []
    for _ in range(40):
        try:
            of(prepared, out)
            break
        except OutputError as error:
            failures.append(str(error))
        assert all(not path.name.startswith(".") for path in files_in(out)), files_in(out)
        named(out)
        with filler.open("r+b") as file:
            file.truncate(filler.stat().st_size - STEPS[of] * 1024)
    told.write_bytes(pickle.dumps((failures, outcome(out))))


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
@pytest.mark.parametrize("of", STEPS)
def test_a_full_disk_is_told_and_work_goes_on_when_there_is_space(
    of: work.Work, prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    disk, told = tmp_path / "disk", tmp_path / "told"
    disk.mkdir()
    code = finished(as_space_becomes_free, of, prepared, disk, told)
    if code == IMPOSSIBLE:
        pytest.skip("this machine lets nobody mount")
    assert code == 0
    failures, left = pickle.loads(told.read_bytes())
    assert len(failures) >= 2
    assert all(f"cannot write {disk}" in failure for failure in failures), failures
    assert all("No space left on device" in failure for failure in failures), failures
    assert left == undisturbed(of)


def with_a_quota(of: work.Work, prepared: Path, out: Path) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    with pytest.raises(OutputError, match=r"cannot write .*File too large"):
        of(prepared, out)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("of", [of for of in STEPS if of is not work.adapting])
def test_files_that_may_not_grow_are_told_and_not_left_half_written(
    of: work.Work, prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    out = begun(of, prepared, tmp_path / "out")
    assert finished(with_a_quota, of, prepared, out) == 0
    assert named(out).keys() < undisturbed(of).keys()
    assert not [path for path in files_in(out) if path.name.startswith(".")]
    assert finished(of, prepared, out) == 0
    assert outcome(out) == undisturbed(of)
