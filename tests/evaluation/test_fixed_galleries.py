"""Scores on galleries of one number of classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import EmbeddingError, InputError
from oodml_bench.evaluation import METRICS, evaluate_embeddings, fixed_galleries, ranks, size_controlled_scores
from oodml_bench.evaluation.fixed_galleries import drawn_classes

from .embedded import clustered, with_ties


def one_draw_after_the_other(embeddings, labels, classes, draws, seed, metrics):
    names = np.unique(labels)
    scores = []
    for gallery in drawn_classes(len(names), classes, draws, seed):
        inside = np.isin(labels, names[gallery])
        scores.append(evaluate_embeddings(embeddings[inside], labels[inside], metrics=metrics, seed=seed).values)
    return {name: np.mean([score[name] for score in scores]) for name in metrics}


@given(
    drawn=with_ties(least_classes=3), draws=st.integers(1, 4), seed=st.integers(0, 99), held=st.sampled_from([1, 2**23])
)
def test_one_search_gives_what_a_search_in_each_draw_gives(drawn, draws, seed, held):
    embeddings, labels = drawn
    # A second sample for every class.
    embeddings, labels = np.concatenate([embeddings, embeddings + 1]), np.concatenate([labels, labels])
    metrics = ("recall@1", "recall@4", "map@r", "map@1000")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_HELD", held)
        scores = size_controlled_scores(embeddings, labels, 3, draws=draws, seed=seed, metrics=metrics)
    expected = one_draw_after_the_other(embeddings, labels, 3, draws, seed, metrics)
    assert scores == pytest.approx(expected, abs=1e-12)


def test_other_metrics_are_those_of_each_draw():
    embeddings, labels = clustered()
    scores = size_controlled_scores(embeddings, labels, 8, draws=3, seed=2, metrics=METRICS)
    assert tuple(scores) == METRICS
    assert scores == pytest.approx(one_draw_after_the_other(embeddings, labels, 8, 3, 2, METRICS), rel=1e-5, abs=1e-6)


def test_with_all_classes_the_plain_scores():
    embeddings, labels = clustered()
    metrics = ("recall@1", "map@r", "nmi", "rho")
    plain = evaluate_embeddings(embeddings, labels, metrics=metrics, seed=4).values
    assert size_controlled_scores(embeddings, labels, 20, seed=4, metrics=metrics) == plain


def test_fewer_classes_are_easier_and_draws_average_out():
    embeddings, labels = clustered(1200, 80, 6, spread=1.5)
    sizes = (5, 20, 80)
    recalls = [size_controlled_scores(embeddings, labels, size)["recall@1"] for size in sizes]
    assert recalls[0] > recalls[1] + 0.05
    assert recalls[1] > recalls[2] + 0.05
    first, second = (size_controlled_scores(embeddings, labels, 20, draws=40, seed=seed)["recall@1"] for seed in (1, 2))
    assert first == pytest.approx(second, abs=0.03)
    assert first != second


def test_the_seed_decides():
    embeddings, labels = clustered()
    assert size_controlled_scores(embeddings, labels, 5, seed=1) == size_controlled_scores(
        embeddings, labels, 5, seed=1
    )
    assert size_controlled_scores(embeddings, labels, 5, seed=1) != size_controlled_scores(
        embeddings, labels, 5, seed=2
    )


def test_one_search_serves_all_draws(monkeypatch):
    searches = []
    ours = fixed_galleries.retrieval_scores
    monkeypatch.setattr(fixed_galleries, "retrieval_scores", lambda *a, **b: searches.append(1) or ours(*a, **b))
    size_controlled_scores(*clustered(), 5, draws=10)
    assert len(searches) == 1


def test_what_cannot_be_drawn():
    embeddings, labels = clustered()
    with pytest.raises(EmbeddingError, match="galleries of 21 classes cannot be drawn from embeddings of 20 classes"):
        size_controlled_scores(embeddings, labels, 21)
    for classes, draws in ((1, 10), (5, 0)):
        with pytest.raises(InputError, match=f"{draws} draws of {classes} classes cannot be scored"):
            size_controlled_scores(embeddings, labels, classes, draws=draws)
    with pytest.raises(InputError, match="unknown metric"):
        size_controlled_scores(embeddings, labels, 5, metrics=["recall"])
    with pytest.raises(EmbeddingError, match="no class has two samples"):
        size_controlled_scores(np.eye(6), np.arange(6), 3)
