"""Few-shot episodes: support samples of each test class, or whole test classes; all other samples are queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from oodml_bench.errors import SplitError

#: A class takes part in episodes of k shots where at least this many of its samples remain as queries.
MIN_QUERIES = 2

#: Fewer classes than this are no episode: a query would have no wrong answer.
MIN_EPISODE_CLASSES = 2

Support = dict[str, tuple[str, ...]]

#: What the shots of an episode count: `samples` of each test class; or whole `classes` of the test classes, all of
#: whose samples are support while the other classes are queries: the published protocol for Stanford Online Products,
#: where a product has too few pictures to be divided.
SupportKind = Literal["samples", "classes"]


def episode_classes(samples: Mapping[str, Sequence[str]], shots: int) -> tuple[tuple[str, ...], dict[str, int]]:
    """Divide classes into those with enough samples for `shots` and those without.

    Parameters
    ----------
    samples
        The sample names of each class.
    shots
        Support samples a class, at least 1.

    Returns
    -------
    (classes, left_out)
        The sorted classes that take part, and the number of samples of each that does not.

    Raises
    ------
    SplitError
        Where `shots` is below 1.
    """
    if shots < 1:
        raise SplitError(f"an episode needs at least 1 shot, got {shots}")
    enough = tuple(sorted(name for name, of_class in samples.items() if len(of_class) >= shots + MIN_QUERIES))
    left_out = {name: len(samples[name]) for name in sorted(samples) if len(samples[name]) < shots + MIN_QUERIES}
    return enough, left_out


def draw_episode(
    samples: Mapping[str, Sequence[str]], classes: Sequence[str], shots: int, rng: np.random.Generator
) -> Support:
    """Draw `shots` distinct support samples of each class, uniformly, in random order."""
    support: Support = {}
    for name in classes:
        ordered = sorted(samples[name])
        support[name] = tuple(ordered[index] for index in rng.choice(len(ordered), size=shots, replace=False))
    return support


def draw_support_classes(classes: Sequence[str], count: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw `count` distinct classes, uniformly, in random order: every sample of theirs is support."""
    ordered = sorted(classes)
    return tuple(ordered[index] for index in rng.choice(len(ordered), size=count, replace=False))
