"""All scores of an embedding in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from numpy.typing import NDArray

from oodml_bench.errors import InputError
from oodml_bench.evaluation.checking import LabelledEmbeddings, checked
from oodml_bench.evaluation.clustering import CLUSTERING_METRICS, clustering_scores
from oodml_bench.evaluation.geometry import GEOMETRY_METRICS, geometry_scores
from oodml_bench.evaluation.retrieval import RETRIEVAL_METRICS, retrieval_scores

#: Every metric, in the order in which they are reported.
METRICS = (*RETRIEVAL_METRICS, *CLUSTERING_METRICS, *GEOMETRY_METRICS)


@dataclass(frozen=True)
class Scores:
    """Scores of an embedding.

    Attributes
    ----------
    values
        Metric to score.
    queries
        Samples that retrieval was scored by.
    left_out
        Samples without another of their class: no queries, but in the gallery of all others.
    """

    values: dict[str, float]
    queries: int
    left_out: int


def evaluate_embeddings(
    embeddings: NDArray[Any],
    labels: NDArray[Any],
    *,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> Scores:
    """Score embeddings of labelled samples: each sample is searched among all others.

    The metrics are defined, with their sources, in `oodml_bench.evaluation.retrieval.retrieval_scores`,
    `.clustering.clustering_scores` and `.geometry.geometry_scores`. Only what is asked for is computed.

    Parameters
    ----------
    embeddings
        Shape (N, D), float32; another precision is rounded to it. Distances are Euclidean, on the embeddings as given.
    labels
        Shape (N,), integers: the class of each.
    metrics
        Names out of `METRICS`; all unless given.
    device
        `cpu`, `auto`, `cuda`, `cuda:N` or `mps`. k-means runs on a GPU only where faiss was built for one.
    seed
        Seed of k-means; nothing else is random.

    Raises
    ------
    EmbeddingError
        Where shapes or types are wrong, an embedding is not finite, there are fewer than two classes, no class has two
        samples, or an embedding of length zero has no cosine that a metric needs.
    InputError
        Where a metric is unknown.
    BackboneError
        Where this machine has no such device.
    """
    chosen = checked_metrics(metrics)
    samples = checked(embeddings, labels)
    lone = int((samples.sizes == 1).sum())
    return Scores(scores_of(samples, chosen, device=device, seed=seed), len(samples.codes) - lone, lone)


def checked_metrics(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """Give metric names in the order of `METRICS`, all of them for None.

    Raises
    ------
    InputError
        Where one is unknown: the message gives the nearest.
    """
    if metrics is None:
        return METRICS
    for name in metrics:
        if name not in METRICS:
            close = get_close_matches(str(name), METRICS, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]!r}?" if close else "."
            raise InputError(f"unknown metric {name!r}{hint} Allowed: {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in metrics)


def scores_of(samples: LabelledEmbeddings, metrics: Sequence[str], *, device: str, seed: int) -> dict[str, float]:
    """Score samples by known metrics, in the order of the metrics."""
    retrieval, clustering, geometry = (
        [name for name in metrics if name in family]
        for family in (RETRIEVAL_METRICS, CLUSTERING_METRICS, GEOMETRY_METRICS)
    )
    values: dict[str, float] = {}
    # What may refuse its input comes before what takes long.
    if geometry:
        values |= geometry_scores(samples, geometry, device=device)
    if retrieval:
        values |= {name: float(on[0]) for name, on in retrieval_scores(samples, retrieval, device=device).items()}
    if clustering:
        values |= clustering_scores(samples, clustering, device=device, seed=seed)
    return {name: values[name] for name in metrics}
