"""The plain few-shot references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from oodml_bench.training.classifiers import accuracy, class_mean_scores, linear_probe_scores


def clusters(classes=4, shots=3, queries=5, seed=0, noise=0.4):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, 6))

    def drawn(count):
        labels = np.repeat(np.arange(classes), count)
        return (centres[labels] + noise * rng.normal(size=(len(labels), 6))).astype(np.float32), labels

    return *drawn(shots), *drawn(queries)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
def test_class_means_are_nearest_centroids_on_the_unit_sphere(seed):
    support, labels, queries, expected = clusters(seed=seed, noise=1.5)
    scores = class_mean_scores(support, labels, queries)
    means = unit(np.stack([unit(support)[labels == label].mean(axis=0) for label in range(4)]))
    named = KNeighborsClassifier(1).fit(means, np.arange(4)).predict(unit(queries))
    assert (scores.argmax(axis=1) == named).all()
    assert accuracy(scores, expected) == np.mean(named == expected)


@pytest.mark.parametrize("classes", [2, 4])
def test_linear_probe_is_a_logistic_regression_at_length_1(classes):
    support, labels, queries, expected = clusters(classes, noise=1.5)
    scores = linear_probe_scores(support, labels, queries)
    named = LogisticRegression(C=1.0, max_iter=1000).fit(unit(support), labels).predict(unit(queries))
    assert scores.shape == (len(queries), classes)
    assert (scores.argmax(axis=1) == named).all()
    assert accuracy(scores, expected) == np.mean(named == expected)


@pytest.mark.parametrize("classify", [class_mean_scores, linear_probe_scores])
def test_lengths_do_not_matter_and_far_clusters_are_told_apart(classify):
    support, labels, queries, expected = clusters(noise=0.05)
    scores = classify(support, labels, queries)
    assert accuracy(scores, expected) == 1
    np.testing.assert_allclose(classify(3 * support, labels, queries / 7), scores, atol=1e-4)


@given(seed=st.integers(0, 1000), classes=st.lists(st.integers(0, 4), min_size=1, unique=True))
def test_accuracy_on_some_classes_leaves_out_their_queries_and_their_answers(seed, classes):
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(30, 5)), np.repeat(np.arange(5), 6)
    expected = []
    for row, label in zip(scores, labels, strict=True):
        if label in classes:
            expected.append(max(sorted(classes), key=lambda name: row[name]) == label)
    assert accuracy(scores, labels, np.array(sorted(classes))) == pytest.approx(np.mean(expected))
