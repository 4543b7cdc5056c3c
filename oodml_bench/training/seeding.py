"""Randomness that depends on the seed and the epoch alone, so that a continued run repeats an uninterrupted one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator_for(purpose: str, *numbers: int) -> np.random.Generator:
    """Give the generator of a purpose and some numbers, say the seed and the epoch: another one for each."""
    return np.random.default_rng(_sequence(purpose, *numbers))


@contextmanager
def seeded_torch(device: torch.device, purpose: str, *numbers: int) -> Iterator[None]:
    """Let torch's global generators begin anew from a purpose and some numbers; put them back when the block ends.

    Parameters
    ----------
    device
        The device whose generator is seeded besides the CPU's.
    purpose, numbers
        As for `generator_for`.
    """
    accelerators = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=accelerators):
        torch.manual_seed(int(_sequence(purpose, *numbers).generate_state(1, np.uint64)[0]))
        yield


def _sequence(purpose: str, *numbers: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([zlib.crc32(purpose.encode()), *numbers])
