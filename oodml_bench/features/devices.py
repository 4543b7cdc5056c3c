"""Where a network runs and how precisely it computes."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch

from oodml_bench.errors import BackboneError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The precisions that each kind of device takes, the one that `auto` prefers first.
PRECISIONS = {
    "cuda": ("bfloat16", "float16", "float32"),
    "mps": ("float32", "float16"),
    "cpu": ("float32", "bfloat16"),
}

#: Most loader processes that are started unless the user asks for more.
MOST_WORKERS = 8

#: The first generation of NVIDIA GPUs that computes with bfloat16.
AMPERE = (8, 0)


def choose_device(name: str = "auto") -> torch.device:
    """Give the device of a name: `auto` (the first there is of cuda, mps, cpu), `cpu`, `mps`, `cuda` or `cuda:N`.

    Raises
    ------
    BackboneError
        Where the name is none of these, or this machine has no such device.
    """
    available = _available_devices()
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise BackboneError(f"device {name!r} is not available; allowed here: auto, {', '.join(available)}")
    return torch.device(name)


def _available_devices() -> list[str]:
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = ["cuda", *(f"cuda:{index}" for index in range(gpus))] if gpus else []
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return [*cuda, *mps, "cpu"]


def choose_precision(name: str, device: torch.device) -> str:
    """Give the precision to compute with on a device.

    Parameters
    ----------
    name
        `auto`, `float32`, `bfloat16` or `float16`. `auto` is float32 on the CPU and on mps; on CUDA it is bfloat16
        where the GPU computes with it, else float16.
    device
        What will compute.

    Raises
    ------
    BackboneError
        Where the device does not take the precision.
    """
    allowed = PRECISIONS[device.type]
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < AMPERE:
        allowed = tuple(precision for precision in allowed if precision != "bfloat16")
    if name == "auto":
        return allowed[0]
    if name not in allowed:
        raise BackboneError(f"precision {name!r} is not available on {device}; allowed: auto, {', '.join(allowed)}")
    return name


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Give a context in which torch computes with `precision` where that is safe."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def default_workers(device: torch.device) -> int:
    """Give the number of loader processes for a network that runs on `device`.

    One a CPU that this process may use, at most `MOST_WORKERS`; but only on half of the CPUs where the network computes
    on the others, and none on a single CPU.
    """
    cpus = _usable_cpus()
    if cpus == 1:
        return 0
    return min(cpus // 2 if device.type == "cpu" else cpus, MOST_WORKERS)


@contextmanager
def sparing_cpus(device: torch.device) -> Iterator[None]:
    """Let a network on the CPU compute with half of the CPUs; the others are for the loader processes.

    The threads of a network wait for each other at every layer. Where one of them has to share its CPU with another
    process, all stand still meanwhile: a network on all CPUs was measured to take ten times as long as on half of them.
    """
    cpus = _usable_cpus()
    threads = cpus - cpus // 2 if device.type == "cpu" else cpus
    with at_most_threads(threads):
        yield


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Let torch compute with at most `count` threads on the CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _usable_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
