from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from tests.features.feature_samples import contents, extract_lite0, extract_slowly, write_pictures


def started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    # Importing torch takes seconds; this way it is done once for all processes.
    context.set_forkserver_preload(["tests.features.feature_samples", "timm"])
    process = context.Process(target=work, args=tuple(map(str, arguments)))
    process.start()
    return process


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Where nobody waits for it, a process that ended stays as a zombie.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def parts_in(folder: Path) -> int:
    return len(list(folder.glob("part-*")))


def wait_for_another_part(process: BaseProcess, folder: Path) -> None:
    before = parts_in(folder)
    while parts_in(folder) == before and process.is_alive():
        time.sleep(0.001)


def test_a_run_killed_at_random_moments_and_continued_gives_the_same_bytes(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", classes=10, samples=24, side=64)
    whole, continued = tmp_path / "whole", tmp_path / "continued"
    started(len, "the fork server has imported torch").join()
    started(extract_lite0, pictures, whole, 0).join()
    assert len(contents(whole)) == 61

    moments = np.random.default_rng()  # unseeded: any moment must do
    progress = []
    for kill in range(6):
        process = started(extract_lite0, pictures, continued, 1 if kill == 3 else 0)
        if kill == 0:
            process.join(moments.uniform(0, 0.5))
        else:
            wait_for_another_part(process, continued)
            time.sleep(moments.uniform(0, 0.04))
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT if kill == 2 else signal.SIGKILL)
        process.join()
        progress.append(parts_in(continued))
    assert progress == sorted(progress)
    assert 0 < progress[1] < 60
    last = started(extract_lite0, pictures, continued, 1)
    last.join()
    assert last.exitcode == 0
    assert contents(continued) == contents(whole)


def test_workers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    pictures, seen = write_pictures(tmp_path / "pictures", samples=50), tmp_path / "seen"
    seen.mkdir()
    process = started(extract_slowly, pictures, tmp_path / "out", seen)
    while len(list(seen.iterdir())) < 2 and process.is_alive():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    workers = [int(file.name) for file in seen.iterdir()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))
