"""Work in other processes, each with a process group of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from oodml_bench.errors import OodmlError

#: Exit codes of work that ended in one of the package's errors, and of work that the machine cannot do.
REFUSED, IMPOSSIBLE = 3, 77

#: By the works themselves, or by libraries when they are first used.
_IMPORTED = [
    *("tests.faults.work", "faiss", "pandas", "pyarrow.compute", "pydantic.dataclasses", "PIL.PngImagePlugin"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "plotly.offline", "jinja2", "timm"),
]


def started(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start work in a process of its own, which has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    process = context.Process(target=_in_a_group, args=(work, *arguments))
    process.start()
    return process


def _in_a_group(work: Callable[..., None], *arguments: Any) -> None:
    os.setpgid(0, 0)
    # A child of the fork server would begin loader processes by another fork server, which imports torch anew.
    multiprocessing.set_start_method("fork", force=True)
    try:
        work(*arguments)
    except OodmlError as error:
        print(error)
        os._exit(REFUSED)


def finished(work: Callable[..., None], *arguments: Any) -> int | None:
    """Do work in a process of its own; give its exit code."""
    process = started(work, *arguments)
    process.join()
    return process.exitcode


def killed(process: BaseProcess) -> None:
    """Kill a process, and all that it started."""
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        # It has ended, or has no group of its own yet.
        process.kill()
    process.join()
