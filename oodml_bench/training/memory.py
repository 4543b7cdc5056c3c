"""Full GPU memory: what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from oodml_bench.errors import TrainingError


@contextmanager
def explained_full_memory() -> Iterator[None]:
    """Turn torch's complaint about full GPU memory into a `TrainingError` that says which setting to lower."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        reason = str(error).partition(". ")[0]
        raise TrainingError(
            f"GPU memory is full: {reason}. Lower `size` of [batches] in the recipe, or `image_size` of [backbone], or "
            'set `precision` of [training] to "bfloat16"; a changed recipe needs a run folder of its own. Or end what '
            "else uses this GPU, and run the same again to continue."
        ) from error
