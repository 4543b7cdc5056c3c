"""How well a sample finds those of its own class among all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation.checking import Integers, LabelledEmbeddings
from oodml_bench.evaluation.rank_search import Booleans
from oodml_bench.evaluation.ranks import PositiveRanks, positive_ranks

_RECALLS = {f"recall@{count}": count for count in (1, 2, 4, 8, 10, 100, 1000)}

#: Ranks that `map@1000` looks at.
_MAP_DEPTH = 1000

RETRIEVAL_METRICS = (*_RECALLS, "map@r", "map@1000")


def retrieval_scores(
    samples: LabelledEmbeddings, metrics: Sequence[str], *, galleries: Booleans | None = None, device: str = "cpu"
) -> dict[str, NDArray[np.float64]]:
    """Score retrieval: each sample is a query, all other samples are the gallery, by Euclidean distance.

    With n samples in a query's class, R = n - 1 of them in the gallery, rel(r) = 1 where the sample at rank r is of the
    query's class and else 0, and precision(r) the share of such samples among the first r, the mean over the queries of

    - ``recall@k``: 1 where one of the first k is of the query's class, else 0 (Jegou et al., 2011). A k beyond the size
      of the gallery takes all of it.
    - ``map@r``: ``1/R sum_{r <= R} precision(r) rel(r)`` (Musgrave et al., 2020, section 4.2).
    - ``map@1000``: ``1/min(R, 1000) sum_{r <= 1000} precision(r) rel(r)``, so that a perfect ranking scores 1; code of
      other studies divides by n, counting the query itself.

    Queries whose class has no other sample are left out; they stay in the gallery.

    Parameters
    ----------
    samples
        What is scored.
    metrics
        Of `RETRIEVAL_METRICS`.
    galleries
        Shape (G, C): the classes of several galleries, each searched by the samples that it holds; all classes in one
        unless given.
    device
        Where distances are computed.

    Returns
    -------
    dict
        Of each metric its score on each gallery, shape (G,).

    Raises
    ------
    EmbeddingError
        Where no class (of a gallery) has two samples.
    """
    if galleries is None:
        galleries = np.ones((1, len(samples.sizes)), dtype=np.bool_)
    queries = galleries @ np.where(samples.sizes > 1, samples.sizes, 0)
    if not queries.all():
        raise EmbeddingError(
            "no class has two samples, so that no sample has another to find; retrieval needs a class with two"
        )
    sums = {name: np.zeros(len(galleries)) for name in metrics}
    for ranks in positive_ranks(samples, _limits(samples.sizes, metrics), galleries, device):
        searched = galleries[:, samples.codes[ranks.queries]]
        for name in metrics:
            sums[name] += (_each(name, ranks) * searched).sum(axis=1)
    return {name: total / queries for name, total in sums.items()}


def _limits(sizes: Integers, metrics: Sequence[str]) -> Integers:
    """Give the rank of which a metric still takes notice, for queries of each class."""
    deepest = max((_RECALLS.get(name, _MAP_DEPTH if name == "map@1000" else 0) for name in metrics), default=0)
    return np.maximum(deepest, sizes - 1 if "map@r" in metrics else np.zeros_like(sizes))


def _each(name: str, ranks: PositiveRanks) -> NDArray[np.float64]:
    """Give the score of every query on every gallery, shape (G, Q)."""
    if name in _RECALLS:
        return (ranks.ranks[:, ranks.starts] <= _RECALLS[name]).astype(np.float64)
    most = np.minimum(ranks.mates, _MAP_DEPTH) if name == "map@1000" else ranks.mates
    depth = _MAP_DEPTH if name == "map@1000" else np.repeat(ranks.mates, ranks.mates)
    precisions = np.where(ranks.ranks <= depth, ranks.places / ranks.ranks, 0)
    return np.add.reduceat(precisions, ranks.starts, axis=1) / most
