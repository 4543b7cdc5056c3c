"""Scores of clusters."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import FaissKMeans

from oodml_bench.evaluation import clustering
from oodml_bench.evaluation.checking import checked
from oodml_bench.evaluation.clustering import clustering_scores, kmeans, pair_f1

from .embedded import clustered

labellings = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40)


@given(pairs=labellings)
def test_f1_is_that_of_all_pairs(pairs):
    classes, clusters = np.array(pairs).T
    in_class, in_cluster = (
        {pair for pair in combinations(range(len(pairs)), 2) if labels[pair[0]] == labels[pair[1]]}
        for labels in (classes, clusters)
    )
    both = len(in_class & in_cluster)
    precision = both / len(in_cluster) if in_cluster else 0
    recall = both / len(in_class) if in_class else 0
    expected = 2 * precision * recall / (precision + recall) if both else 0
    assert pair_f1(classes, clusters) == pytest.approx(expected)


@given(pairs=labellings, seed=st.integers(0, 99))
def test_f1_is_blind_to_names_and_order(pairs, seed):
    classes, clusters = np.array(pairs).T
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(pairs)), rng.permutation(1000)
    assert pair_f1(names[classes][order], names[clusters][order]) == pair_f1(classes, clusters)
    assert pair_f1(classes, clusters) == pytest.approx(pair_f1(clusters, classes)) or len(np.unique(clusters)) == len(
        pairs
    )


def test_separate_classes_are_found():
    labels = np.repeat(np.arange(8), 10)
    embeddings = np.eye(8, dtype=np.float32)[labels] + np.random.default_rng(0).normal(0, 1e-3, (80, 8))
    # Random first centroids may share a class; of several seeds one finds all.
    best = max(clustering_scores(checked(embeddings, labels), ["nmi", "f1"], seed=seed)["f1"] for seed in range(20))
    assert best == 1


def test_as_many_clusters_as_classes_of_what_is_scored_over_all_samples(monkeypatch):
    asked = []
    monkeypatch.setattr(
        clustering, "kmeans", lambda data, count, **_: asked.append((len(data), count)) or np.zeros(len(data))
    )
    embeddings, labels = clustered(900, 2, 4)
    clustering_scores(checked(embeddings, labels + 50), ["nmi"])
    assert asked == [(900, 2)]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_every_sample_gets_one_of_so_many_clusters(count):
    embeddings, _ = clustered(40, 5, 3)
    clusters = kmeans(embeddings, count)
    assert clusters.shape == (40,)
    assert set(clusters) <= set(range(count))


def test_the_seed_decides():
    embeddings, _ = clustered(400, 40, 8, spread=3)
    assert (kmeans(embeddings, 40, seed=1) == kmeans(embeddings, 40, seed=1)).all()
    assert (kmeans(embeddings, 40, seed=1) != kmeans(embeddings, 40, seed=2)).any()


def test_equal_to_pytorch_metric_learning():
    embeddings, labels = clustered(1500, 30, 16, spread=2)
    theirs = AccuracyCalculator(
        ("NMI",), device=torch.device("cpu"), kmeans_func=FaissKMeans(niter=20, seed=11)
    ).get_accuracy(torch.from_numpy(embeddings), torch.from_numpy(labels))
    assert clustering_scores(checked(embeddings, labels), ["nmi"], seed=11)["nmi"] == pytest.approx(theirs["NMI"])
