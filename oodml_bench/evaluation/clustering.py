"""How well k-means of the embeddings finds the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from oodml_bench.evaluation.checking import Floats, Integers, LabelledEmbeddings

CLUSTERING_METRICS = ("nmi", "f1")

_ITERATIONS = 20


def clustering_scores(
    samples: LabelledEmbeddings, metrics: Sequence[str], *, device: str = "cpu", seed: int = 0
) -> dict[str, float]:
    """Score the clusters of k-means against the classes.

    - ``nmi``: mutual information of clusters and classes over the arithmetic mean of their entropies.
    - ``f1``: harmonic mean of precision and recall over pairs of samples, where a pair in one cluster is a hit if it is
      of one class: ``2 both / (pairs in one class + pairs in one cluster)`` (Manning et al., 2008, section 16.3). 0
      where no pair is of one class.

    Parameters
    ----------
    samples
        What is scored.
    metrics
        Of `CLUSTERING_METRICS`.
    device
        Anything but `cpu` lets faiss cluster on a GPU, where it was built for one and there is one.
    seed
        Seed of the first centroids, from 0 to 2^31 - 1.
    """
    clusters = kmeans(samples.embeddings, len(samples.sizes), gpu=device != "cpu", seed=seed)
    scores = {}
    if "nmi" in metrics:
        from sklearn.metrics import normalized_mutual_info_score

        scores["nmi"] = float(normalized_mutual_info_score(samples.codes, clusters))
    if "f1" in metrics:
        scores["f1"] = pair_f1(samples.codes, clusters)
    return scores


def kmeans(embeddings: Floats, count: int, *, gpu: bool = False, seed: int = 0) -> Integers:
    """Cluster by k-means in 20 iterations, over all samples, and give the cluster of each.

    Parameters
    ----------
    embeddings
        Shape (N, D).
    count
        Clusters: the number of classes of what is scored, not of what was trained on. At most N.
    gpu
        Use a GPU, where faiss knows one.
    seed
        Seed of the first centroids.
    """
    # faiss takes a while to load, and retrieval does without it.
    import faiss

    clustering = faiss.Kmeans(
        embeddings.shape[1], count, niter=_ITERATIONS, seed=seed, gpu=gpu and faiss.get_num_gpus() > 0,
        min_points_per_centroid=1, max_points_per_centroid=len(embeddings),
    )  # fmt: skip
    clustering.train(embeddings)
    _, nearest = clustering.index.search(embeddings, 1)
    return np.asarray(nearest[:, 0], dtype=np.int64)


def pair_f1(classes: Integers, clusters: Integers) -> float:
    """Give the F1 score over all pairs of samples; both arguments have shape (N,)."""
    _, classes = np.unique(classes, return_inverse=True)
    _, clusters = np.unique(clusters, return_inverse=True)
    both = classes * (int(clusters.max()) + 1) + clusters
    in_class, in_cluster, hits = (_pairs(labels) for labels in (classes, clusters, both))
    return 2 * hits / (in_class + in_cluster) if in_class else 0.0


def _pairs(labels: Integers) -> int:
    """Count the pairs with one label."""
    _, counts = np.unique(labels, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())
