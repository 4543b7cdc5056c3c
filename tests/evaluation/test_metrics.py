"""All scores in one call."""

import subprocess
import sys

import numpy as np
import pytest

from oodml_bench.errors import EmbeddingError, InputError
from oodml_bench.evaluation import METRICS, evaluate_embeddings, metrics

from .embedded import clustered

EXPECTED = (
    *(f"recall@{count}" for count in (1, 2, 4, 8, 10, 100, 1000)),
    *("map@r", "map@1000", "nmi", "f1", "intra", "inter", "intra_over_inter", "rho", "alignment", "uniformity"),
)


def test_all_metrics_unless_told():
    embeddings, labels = clustered()
    scores = evaluate_embeddings(embeddings, labels)
    assert METRICS == EXPECTED == tuple(scores.values)
    assert all(type(value) is float and np.isfinite(value) for value in scores.values.values())
    assert (scores.queries, scores.left_out) == (300, 0)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_metric_alone_is_the_same_as_with_all_others(name):
    embeddings, labels = clustered()
    alone = evaluate_embeddings(embeddings, labels, metrics=[name], seed=3).values
    assert alone == {name: evaluate_embeddings(embeddings, labels, seed=3).values[name]}


def test_only_what_is_asked_for_is_computed(monkeypatch):
    called = []
    for family in ("retrieval", "clustering", "geometry"):
        name = f"{family}_scores"
        ours = getattr(metrics, name)

        def watched(*arguments, ours=ours, name=name, **options):
            called.append(name)
            return ours(*arguments, **options)

        monkeypatch.setattr(metrics, name, watched)
    embeddings, labels = clustered()
    evaluate_embeddings(embeddings, labels, metrics=["map@r", "recall@1"])
    assert called == ["retrieval_scores"]
    evaluate_embeddings(embeddings, labels, metrics=["rho", "nmi"])
    assert sorted(called[1:]) == ["clustering_scores", "geometry_scores"]


def test_lone_samples_are_counted():
    embeddings, labels = clustered()
    labels[:7] = 100 + np.arange(7)
    scores = evaluate_embeddings(embeddings, labels, metrics=["recall@1"])
    assert (scores.queries, scores.left_out) == (293, 7)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_other_precisions_are_those_of_float32(dtype):
    embeddings, labels = clustered()
    other = (embeddings * 10).astype(dtype)
    expected = evaluate_embeddings(other.astype(np.float32), labels)
    assert evaluate_embeddings(other, labels.astype(np.uint16)) == expected
    assert evaluate_embeddings(np.asfortranarray(other), labels) == expected


def test_what_is_given_stays_as_it_is():
    embeddings, labels = clustered()
    before = embeddings.copy(), labels.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002 (that this is left alone is what is tested)
    evaluate_embeddings(embeddings, labels)
    assert (embeddings == before[0]).all()
    assert (labels == before[1]).all()
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize(
    ("name", "hint"),
    [("recal@1", "did you mean 'recall@1'"), ("MAP@R", "unknown metric 'MAP@R'"), ("recall@3", "did you")],
)
def test_unknown_metrics(name, hint):
    with pytest.raises(InputError, match=hint):
        evaluate_embeddings(*clustered(), metrics=["recall@1", name])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(bad):
    embeddings, labels = clustered()
    embeddings[[41, 50], 3] = bad
    with pytest.raises(EmbeddingError, match=r"row 41 holds NaN or infinity \(2 of 300 rows do\)"):
        evaluate_embeddings(embeddings, labels)


def test_numbers_that_float32_cannot_square():
    embeddings, labels = clustered()
    for large in (1e19, 1e300):
        wide = embeddings.astype(np.float64)
        wide[5] *= large
        with pytest.raises(EmbeddingError, match="row 5 is too long for float32"):
            evaluate_embeddings(wide, labels)


@pytest.mark.parametrize(
    ("embeddings", "labels", "message"),
    [
        (np.ones((4, 0)), np.arange(4), r"shape \(4, 0\)"),
        (np.ones((0, 4)), np.arange(0), r"shape \(0, 4\)"),
        (np.ones(4), np.arange(4), r"shape \(4,\)"),
        (np.ones((4, 2), dtype=complex), np.arange(4), "dtype complex128"),
        (np.array([["a"], ["b"]]), np.arange(2), "cannot be scored"),
        (np.ones((4, 2)), np.arange(5), r"labels of shape \(5,\).* do not fit 4 embeddings"),
        (np.ones((4, 2)), np.ones((4, 1), dtype=int), r"labels of shape \(4, 1\)"),
        (np.ones((4, 2)), np.array(["a", "b", "c", "d"]), "labels of shape"),
        (np.ones((4, 2)), np.arange(4.0), "dtype float64"),
        (np.ones((4, 2)), np.zeros(4, dtype=int), "1 class cannot be scored; at least 2"),
    ],
)
def test_what_cannot_be_scored(embeddings, labels, message):
    with pytest.raises(EmbeddingError, match=message):
        evaluate_embeddings(embeddings, labels)


def test_scoring_on_the_processor_does_without_torch():
    program = (
        "import sys, numpy as np; from oodml_bench.evaluation import evaluate_embeddings as score;"
        "score(np.eye(6), np.arange(6) // 2); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
