"""Embeddings for tests, and metrics computed one pair after the other."""

import numpy as np
from hypothesis import strategies as st


def clustered(count=300, classes=20, dimension=12, spread=1.0, seed=0):
    """Make embeddings around class centres; every class has two samples or more."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.repeat(np.arange(classes), 2), rng.integers(classes, size=count - 2 * classes)])
    centres = rng.standard_normal((classes, dimension))
    embeddings = centres[labels] + spread * rng.standard_normal((count, dimension))
    order = rng.permutation(count)
    return embeddings[order].astype(np.float32), labels[order]


@st.composite
def with_ties(draw, most=60, least_classes=2):
    """Draw embeddings of small integers: float32 distances are exact, and many are equal."""
    count = draw(st.integers(2 * least_classes, most))
    classes = draw(st.integers(least_classes, max(least_classes, count // 2)))
    dimension = draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.permutation(np.concatenate([np.arange(classes), rng.integers(classes, size=count - classes)]))
    # Any integers are labels.
    names = rng.choice(np.arange(-1000, 1000), classes, replace=False)
    return rng.integers(-3, 4, size=(count, dimension)).astype(np.float32), names[labels]


def ranked(embeddings, labels, query):
    """Give for each other sample, nearest first, whether it is of the query's class; of equals, the others first."""
    gaps = embeddings.astype(np.float64) - embeddings[query].astype(np.float64)
    distances = (gaps**2).sum(axis=1)
    same = labels == labels[query]
    order = [int(other) for other in np.lexsort((same, distances)) if other != query]
    return same[order]


def queries_of(labels):
    return [query for query, label in enumerate(labels) if (labels == label).sum() > 1]


def recall_at(embeddings, labels, count):
    return np.mean([ranked(embeddings, labels, query)[:count].any() for query in queries_of(labels)])


def mean_average_precision(embeddings, labels, depth):
    """Give MAP@R for depth None, else mAP at a depth."""
    scores = []
    for query in queries_of(labels):
        hits = ranked(embeddings, labels, query)
        mates = int(hits.sum())
        first = hits[: mates if depth is None else depth]
        precisions = [first[: rank + 1].mean() for rank in np.flatnonzero(first)]
        scores.append(sum(precisions) / (mates if depth is None else min(mates, depth)))
    return np.mean(scores)
