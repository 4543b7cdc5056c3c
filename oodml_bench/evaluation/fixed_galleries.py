"""Scores on galleries of a fixed number of classes, which may be compared between levels of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import EmbeddingError, InputError
from oodml_bench.evaluation.checking import LabelledEmbeddings, checked
from oodml_bench.evaluation.metrics import checked_metrics, scores_of
from oodml_bench.evaluation.retrieval import RETRIEVAL_METRICS, retrieval_scores


def size_controlled_scores(
    embeddings: NDArray[Any],
    labels: NDArray[Any],
    classes: int,
    *,
    draws: int = 10,
    seed: int = 0,
    metrics: Sequence[str] = ("recall@1", "map@r"),
    device: str = "cpu",
) -> dict[str, float]:
    """Score embeddings on random galleries of `classes` of their classes, and average over the draws.

    The fewer classes there are, the easier each is to find: levels from which classes were removed look easier than
    they are. Queries and gallery are both restricted to the drawn classes. Retrieval searches all samples once and
    counts for every draw those that it holds, which gives the very ranks of a search in each draw alone; other metrics
    are computed for each draw.

    Parameters
    ----------
    embeddings
        Shape (N, D), as for `evaluate_embeddings`.
    labels
        Shape (N,), integers.
    classes
        Classes in a gallery, from 2 to the number of classes; with all of them the scores are the plain ones.
    draws
        Galleries, each drawn without replacement.
    seed
        Seed of the draws and of k-means.
    metrics
        Names out of `METRICS`.
    device
        As for `evaluate_embeddings`.

    Raises
    ------
    EmbeddingError
        Where embeddings or labels cannot be scored, there are fewer than `classes` classes, or no class of a draw has
        two samples.
    InputError
        Where a metric is unknown, or `classes` or `draws` is too small.
    BackboneError
        Where this machine has no such device.
    """
    chosen = checked_metrics(metrics)
    samples = checked(embeddings, labels)
    drawn = drawn_classes(len(samples.sizes), classes, draws, seed)
    retrieval = [name for name in chosen if name in RETRIEVAL_METRICS]
    others = [name for name in chosen if name not in RETRIEVAL_METRICS]
    values: dict[str, list[float]] = {name: [] for name in chosen}
    if retrieval:
        for name, found in _retrieval_on(samples, drawn, retrieval, device).items():
            values[name] = list(found)
    for gallery in drawn if others else ():
        alone = scores_of(samples.of_classes(gallery), others, device=device, seed=seed)
        for name, value in alone.items():
            values[name].append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def drawn_classes(count: int, classes: int, draws: int, seed: int) -> list[NDArray[np.int64]]:
    """Draw the classes of galleries.

    Parameters
    ----------
    count
        Number of classes there are.
    classes, draws, seed
        See `size_controlled_scores`.

    Returns
    -------
    list of ndarray
        Positions of classes, ascending, of each gallery; one gallery where all are drawn.

    Raises
    ------
    InputError, EmbeddingError
        As of `size_controlled_scores`.
    """
    if classes < 2 or draws < 1:
        raise InputError(f"{draws} draws of {classes} classes cannot be scored; allowed: 1 draw or more of 2 or more")
    if classes > count:
        raise EmbeddingError(f"galleries of {classes} classes cannot be drawn from embeddings of {count} classes")
    if classes == count:
        return [np.arange(count)]
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(count, classes, replace=False)) for _ in range(draws)]


def _retrieval_on(
    samples: LabelledEmbeddings, drawn: Sequence[NDArray[np.int64]], metrics: Sequence[str], device: str
) -> dict[str, NDArray[np.float64]]:
    used = np.unique(np.concatenate(drawn))
    galleries = np.array([np.isin(used, gallery) for gallery in drawn])
    return retrieval_scores(samples.of_classes(used), metrics, galleries=galleries, device=device)
