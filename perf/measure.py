"""Time and peak memory of what is compared, each method alike."""

from __future__ import annotations

import contextlib
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

from oodml_bench.threads import one_thread

T = TypeVar("T")

_PROCESS = Path("/proc/self")


@dataclass(frozen=True)
class Timed(Generic[T]):
    """What a task gave, and the seconds that each run of it took."""

    value: T
    seconds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The shortest run, in seconds."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The middle run, in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of a process that did nothing else, in MB of 1e6 bytes.

    Attributes
    ----------
    before
        Just before the task: the interpreter, libraries, features, and what the task holds.
    peak
        The most during the task.
    """

    before: float
    peak: float

    @property
    def added(self) -> float:
        """What the task needed on top."""
        return self.peak - self.before


def timed_in_turn(tasks: Mapping[str, Callable[[], T]], runs: int) -> dict[str, Timed[T]]:
    """Run tasks in turn, `runs` times over, in this process and on one BLAS thread.

    In turn, so that what slows the machine down for a while slows all of them down.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    values: dict[str, T] = {}
    with one_thread():
        for _ in range(runs):
            for name, task in tasks.items():
                begin = time.perf_counter()
                values[name] = task()
                seconds[name].append(time.perf_counter() - begin)
    return {name: Timed(values[name], tuple(seconds[name])) for name in tasks}


def memory_of(prepare: Callable[..., Callable[[], object]], *arguments: object) -> Memory:
    """Measure the peak memory of ``prepare(*arguments)()`` in a process of its own, since peaks only grow.

    Parameters
    ----------
    prepare
        A function of a module, not of another function: the process finds it by its name. It makes the features and
        gives the task.
    arguments
        What it is given; pickled.
    """
    # A forked process would begin with the memory of this one.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_memory_here, prepare, arguments).result()


@dataclass(frozen=True)
class Alone(Generic[T]):
    """What a task gave in a process of its own, the seconds that it took, and its memory."""

    value: T
    seconds: float
    memory: Memory


def timed_alone(prepare: Callable[..., Callable[[], T]], *arguments: object) -> Alone[T]:
    """Time ``prepare(*arguments)()``, once, as `memory_of` measures its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        return alone.submit(_timed_here, prepare, arguments).result()


def _timed_here(prepare: Callable[..., Callable[[], T]], arguments: tuple[object, ...]) -> Alone[T]:
    with one_thread():
        task = prepare(*arguments)
        _forget_peak()
        before = _peak()
        begin = time.perf_counter()
        value = task()
        return Alone(value, time.perf_counter() - begin, Memory(before, _peak()))


def _memory_here(prepare: Callable[..., Callable[[], object]], arguments: tuple[object, ...]) -> Memory:
    with one_thread():
        task = prepare(*arguments)
        _forget_peak()
        before = _peak()
        task()
        return Memory(before, _peak())


def _forget_peak() -> None:
    """Let the peak begin anew, where the system can: making the features may have needed more than the task does."""
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")


def _peak() -> float:
    """Give the peak resident memory of this process, in MB.

    Linux hands the peak that `getrusage` gives on from a process to the program that it starts: a child begins at its
    parent's. The peak in `/proc` is the program's own.
    """
    status = _PROCESS / "status"
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
