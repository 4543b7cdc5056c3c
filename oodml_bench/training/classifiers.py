"""Naming the class of a query by a few labelled samples, without training the network: the plain references."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml_bench.training.samples import Indices

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]


def class_mean_scores(support: Vectors, labels: Indices, queries: Vectors) -> Scores:
    """Score classes by the cosine between a query and the mean of the class's support vectors, taken at length 1.

    The nearest class mean (Mensink et al., 2013), on the unit sphere; at one shot it is the nearest neighbour.

    Parameters
    ----------
    support, labels
        (S, D), and (S,) from 0 to C - 1, every class among them.
    queries
        (Q, D).

    Returns
    -------
    ndarray
        (Q, C) float64: the greatest score of a row names the class.
    """
    means = np.zeros((int(labels.max()) + 1, support.shape[1]))
    np.add.at(means, labels, _at_length_1(support))
    scores: Scores = _at_length_1(queries) @ _at_length_1(means).T
    return scores


def linear_probe_scores(support: Vectors, labels: Indices, queries: Vectors) -> Scores:
    """Score classes by a multinomial logistic regression on the support vectors, at length 1, with C = 1.

    The baseline of Tian et al. (2020: Rethinking Few-Shot Image Classification). Nothing in it is random.

    Parameters, return value: as for `class_mean_scores`.
    """
    from sklearn.linear_model import LogisticRegression

    probe = LogisticRegression(C=1.0, max_iter=1000).fit(_at_length_1(support), labels)
    decisions = np.asarray(probe.decision_function(_at_length_1(queries)), dtype=np.float64)
    # Of two classes it scores the second alone.
    return np.stack([-decisions, decisions], axis=1) if decisions.ndim == 1 else decisions


def accuracy(scores: Scores, labels: Indices, classes: Indices | None = None) -> float:
    """Give the share of queries whose class has the greatest score, the first of several greatest.

    Parameters
    ----------
    scores, labels
        (Q, C), (Q,).
    classes
        The classes that take part: both queries and answers are restricted to them. All unless given.
    """
    if classes is None:
        classes = np.arange(scores.shape[1])
    taking_part = np.isin(labels, classes)
    answers = classes[scores[taking_part][:, classes].argmax(axis=1)]
    return float(np.mean(answers == labels[taking_part]))


def _at_length_1(vectors: NDArray[np.floating]) -> Scores:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    scaled: Scores = wide / np.maximum(lengths, np.finfo(np.float64).tiny)
    return scaled
