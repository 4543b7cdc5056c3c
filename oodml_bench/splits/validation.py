"""Validation splits: a seeded random part of the train classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml_bench.errors import SplitError


def validation_split(
    train: Sequence[str], fraction: float, rng: np.random.Generator
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Divide the train classes into those to train on and those to validate on.

    ``floor((1 - fraction) n)`` of the n classes, chosen at random, are kept to train on, as in the published
    benchmarks; the order of the classes is kept on both sides.

    Raises
    ------
    SplitError
        Where the fraction is not in [0, 1), or leaves no class to train on.
    """
    if not 0 <= fraction < 1:
        raise SplitError(f"the validation fraction must be at least 0 and below 1, got {fraction}")
    kept_count = int(np.floor((1 - fraction) * len(train) + 1e-9))
    if kept_count == 0:
        raise SplitError(f"a validation fraction of {fraction} leaves none of {len(train)} classes to train on")
    kept = set(rng.permutation(len(train))[:kept_count].tolist())
    split_train = tuple(name for index, name in enumerate(train) if index in kept)
    split_val = tuple(name for index, name in enumerate(train) if index not in kept)
    return split_train, split_val
