"""Two processes at one output: the second is told who the first is, or both end with one's whole work."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oodml_bench import locks
from oodml_bench.errors import LockedError
from tests.faults import work
from tests.faults.conftest import begun
from tests.faults.outcomes import outcome
from tests.faults.processes import finished, killed, started

FOLDERS = [work.extracting, work.training, work.adapting]


def holding(folder: Path) -> None:
    with locks.held(folder):
        time.sleep(60)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("of", FOLDERS)
def test_the_second_is_told_who_the_first_is_and_works_when_that_one_is_killed(
    of: work.Work,
    prepared: Path,
    undisturbed: Callable[[work.Work], dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locks, "_WAIT", 0.2)
    out = begun(of, prepared, tmp_path / "out")
    first = started(holding, out)
    wait_for((out / locks.HOLDER_NAME).exists)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(LockedError, match=rf"{out} is in use: process {first.pid} on .*, since 2.*Wait") as refusal:
        of(prepared, out)
    assert refusal.value.exit_code == 1
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    killed(first)
    of(prepared, out)
    assert outcome(out) == undisturbed(of)


@pytest.mark.parametrize("of", FOLDERS)
def test_of_two_at_once_one_is_refused_or_finds_the_work_done(
    of: work.Work, prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    out = begun(of, prepared, tmp_path / "out")
    both = [started(impatiently, of, prepared, out) for _ in range(2)]
    for process in both:
        process.join()
    assert 0 in [process.exitcode for process in both]
    assert outcome(out) == undisturbed(of)


def impatiently(of: work.Work, prepared: Path, out: Path) -> None:
    locks._WAIT = 0.0
    work.slow_writes(0.01)
    try:
        of(prepared, out)
    except LockedError:
        raise SystemExit(1) from None


def test_two_builds_of_one_file_leave_the_whole_pair_of_one(prepared: Path, tmp_path: Path) -> None:
    pairs = []
    for seed in (0, 1):
        work.building(prepared, tmp_path / str(seed), seed)
        pairs.append(outcome(tmp_path / str(seed)))
    assert pairs[0] != pairs[1]
    both = [started(repeatedly, prepared, tmp_path / "out", seed) for seed in (0, 1)]
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert outcome(tmp_path / "out") in pairs


def repeatedly(prepared: Path, out: Path, seed: int) -> None:
    from oodml_bench.splits import load_benchmark

    work.building(prepared, out / str(seed), seed)
    made = load_benchmark(out / str(seed) / "small_splits.json")
    for _ in range(50):
        made.save(out / "small_splits.pkl", overwrite=True)
    for path in sorted((out / str(seed)).iterdir()):
        path.unlink()
    (out / str(seed)).rmdir()


def test_two_sweeps_share_the_work_of_one_folder(
    prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    both = [started(impatiently, work.sweeping, prepared, tmp_path / "out") for _ in range(2)]
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert outcome(tmp_path / "out") == undisturbed(work.sweeping)


def test_a_sweep_leaves_a_run_to_the_process_that_is_at_it_and_does_the_rest(
    prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT", 0.1)
    out = tmp_path / "out"
    other = started(holding, out / "head-2-0")
    wait_for((out / "head-2-0" / locks.HOLDER_NAME).exists)
    done = work.swept(prepared, out)
    assert list(done.held) == ["head-2-0"]
    assert f"process {other.pid}" in done.held["head-2-0"]
    assert (done.finished, done.skipped, done.failures) == (2, 0, {})
    assert {row.level for row in done.rows} == {1, 3}
    killed(other)
    done = work.swept(prepared, out)
    assert (done.finished, done.skipped, done.held) == (1, 2, {})
    assert outcome(out) == undisturbed(work.sweeping)


def test_a_lock_leaves_nothing_and_is_free_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with locks.held(tmp_path / "new"):
            assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [locks.LOCK_NAME, locks.HOLDER_NAME]
        assert not list((tmp_path / "new").iterdir())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"pid": 1}'])
def test_a_holder_that_cannot_be_told_is_another_process(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_WAIT", 0.0)
    with locks.held(tmp_path):
        (tmp_path / locks.HOLDER_NAME).write_bytes(content)
        with pytest.raises(LockedError, match="is in use: another process is writing there"), locks.held(tmp_path):
            pass


def counting(folder: Path) -> None:
    """Add one to a number in a file, many times; what two do at once is lost."""
    locks._WAIT = 60.0
    for _ in range(100):
        with locks.held(folder):
            number = int((folder / "number").read_text())
            (folder / "number").write_text(str(number + 1))


def test_no_two_processes_hold_a_folder_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    three = [started(counting, tmp_path) for _ in range(3)]
    for process in three:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "number").read_text() == "300"
    assert finished(counting, tmp_path) == 0
