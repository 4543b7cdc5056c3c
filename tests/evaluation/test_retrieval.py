"""Retrieval scores."""

import faiss
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

from oodml_bench.errors import BackboneError, EmbeddingError
from oodml_bench.evaluation import ranks, retrieval, tiles
from oodml_bench.evaluation.checking import checked
from oodml_bench.evaluation.retrieval import RETRIEVAL_METRICS, retrieval_scores

from .embedded import clustered, mean_average_precision, queries_of, ranked, recall_at, with_ties

COUNTS = (1, 2, 4, 8, 10, 100, 1000)


def scored(embeddings, labels, metrics=RETRIEVAL_METRICS, **options):
    return {
        name: float(on[0]) for name, on in retrieval_scores(checked(embeddings, labels), metrics, **options).items()
    }


def has_pairs(labels):
    return len(queries_of(labels)) > 0


@given(
    drawn=with_ties(), side=st.sampled_from([1, 2, 7, 1024]), held=st.sampled_from([1, 40, 2**23]),
    depth=st.sampled_from([1, 3, 1000]),
)  # fmt: skip
def test_equal_to_one_query_after_the_other(drawn, side, held, depth):
    embeddings, labels = drawn
    if not has_pairs(labels):
        return
    with pytest.MonkeyPatch.context() as patch:
        # Small enough that there are many tiles, several groups of queries, and samples beyond the last rank.
        patch.setattr(tiles.CpuTiles, "side", side)
        patch.setattr(ranks, "_HELD", held)
        patch.setattr(retrieval, "_MAP_DEPTH", depth)
        scores = scored(embeddings, labels)
    for count in COUNTS:
        assert scores[f"recall@{count}"] == pytest.approx(recall_at(embeddings, labels, count), abs=1e-12)
    assert scores["map@r"] == pytest.approx(mean_average_precision(embeddings, labels, None), abs=1e-12)
    assert scores["map@1000"] == pytest.approx(mean_average_precision(embeddings, labels, depth), abs=1e-12)


@given(drawn=with_ties(), side=st.sampled_from([2, 1024]), limit=st.integers(0, 30))
def test_ranks_are_exact_up_to_the_limit_and_beyond_it_stay_beyond(drawn, side, limit):
    embeddings, labels = drawn
    samples = checked(embeddings, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.CpuTiles, "side", side)
        found = list(ranks.positive_ranks(samples, np.full(len(samples.sizes), limit)))
    seen = []
    for part in found:
        for query, begin, mates in zip(part.queries, part.starts, part.mates, strict=True):
            given_ranks = part.ranks[0, begin : begin + mates]
            true_ranks = np.flatnonzero(ranked(embeddings, labels, query)) + 1
            assert (np.where(true_ranks <= limit, given_ranks == true_ranks, given_ranks > limit)).all()
            seen.append(query)
    assert sorted(seen) == queries_of(labels)


@given(drawn=with_ties(), seed=st.integers(0, 99))
def test_the_order_of_the_samples_does_not_matter_even_with_ties(drawn, seed):
    embeddings, labels = drawn
    if has_pairs(labels):
        order = np.random.default_rng(seed).permutation(len(labels))
        assert scored(embeddings[order], labels[order]) == pytest.approx(scored(embeddings, labels), abs=1e-12)


@given(drawn=with_ties(), device=st.just("cpu"))
def test_the_tiles_of_torch_give_the_same(drawn, device):
    embeddings, labels = drawn
    if not has_pairs(labels):
        return
    expected = scored(embeddings, labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.TorchTiles, "side", 16)
        patch.setattr(ranks, "tiles_of", lambda factors, _: tiles.TorchTiles(factors, torch.device(device)))
        assert scored(embeddings, labels) == pytest.approx(expected, abs=1e-12)


def test_neighbours_of_faiss_are_at_those_ranks():
    embeddings, labels = clustered(2500, 100, 24)
    index = faiss.IndexFlatL2(24)
    index.add(embeddings)
    _, neighbours = index.search(embeddings, 1001)
    # No two of these samples are equal: each is its own nearest.
    assert (neighbours[:, 0] == np.arange(2500)).all()
    hits = labels[neighbours[:, 1:]] == labels[:, None]
    scores = scored(embeddings, labels)
    for count in COUNTS:
        assert scores[f"recall@{count}"] == pytest.approx(hits[:, :count].any(axis=1).mean(), abs=1e-3)
    precisions = np.cumsum(hits, axis=1) / np.arange(1, 1001)
    mates = (labels[:, None] == labels).sum(axis=1) - 1
    assert scores["map@1000"] == pytest.approx(((precisions * hits).sum(axis=1) / mates).mean(), abs=1e-5)


@pytest.mark.parametrize("lone", [0, 30])
def test_equal_to_pytorch_metric_learning(lone):
    embeddings, labels = clustered(1500, 60, 16)
    labels[:lone] = 1000 + np.arange(lone)
    calculator = AccuracyCalculator(
        ("precision_at_1", "mean_average_precision_at_r"), k="max_bin_count", device=torch.device("cpu")
    )
    theirs = calculator.get_accuracy(torch.from_numpy(embeddings), torch.from_numpy(labels))
    ours = scored(embeddings, labels, ("recall@1", "map@r"))
    assert ours["recall@1"] == pytest.approx(theirs["precision_at_1"], abs=1e-9)
    assert ours["map@r"] == pytest.approx(theirs["mean_average_precision_at_r"], abs=1e-7)


def test_closed_forms():
    # On a line: 0 finds 1, 1 finds 0 before 3, 3 finds its mate last.
    embeddings = np.array([[0], [1], [3], [20], [21]], dtype=np.float32)
    labels = np.array([0, 0, 1, 1, 2])
    scores = scored(embeddings, labels)
    assert scores["recall@1"] == 2 / 4
    assert scores["recall@2"] == 3 / 4
    assert scores["recall@4"] == 1
    assert scores["map@r"] == 2 / 4
    # 3 finds 20 after 1 and 0, and 20 finds 3 after 21.
    assert scores["map@1000"] == pytest.approx((1 + 1 + 1 / 3 + 1 / 2) / 4)


def test_perfect_embeddings_score_1_whatever_the_sizes_of_the_classes():
    labels = np.repeat(np.arange(30), np.arange(2, 32))
    embeddings = np.eye(30, dtype=np.float32)[labels]
    assert set(scored(embeddings, labels).values()) == {1.0}


@pytest.mark.parametrize("dimension", [1, 3, 64, 100, 512, 513, 2048])
@pytest.mark.parametrize("mates", [2, 3, 5, 50])
@pytest.mark.parametrize("points", [1, 3])
def test_a_collapsed_embedding_scores_nothing(dimension, mates, points):
    # Every class has samples at each of few points, and every other class too.
    labels = np.repeat(np.arange(1200 // mates), mates)
    centres = np.random.default_rng(dimension).standard_normal((points, dimension)) + 1
    embeddings = centres[np.arange(len(labels)) % points] if mates > points else centres[np.zeros_like(labels)]
    scores = scored(embeddings.astype(np.float32), labels, ("recall@1", "recall@10", "map@r"))
    assert set(scores.values()) == {0}


@given(
    seed=st.integers(0, 999), dimension=st.sampled_from([1, 3, 40, 130]), offset=st.sampled_from([0, 1, 1000]),
    side=st.sampled_from([3, 17, 1024]),
)  # fmt: skip
def test_what_float32_cannot_tell_apart_is_told_apart(seed, dimension, offset, side):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(12), 4))
    # A few points, and around them steps of the grid that float32 has at 1000: their squares are exact in float64.
    step = 2.0**-14
    points = np.round(rng.normal(offset, 1, (3, dimension)) / step) * step
    embeddings = (points[rng.integers(3, size=48)] + step * rng.integers(-2, 3, (48, dimension))).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.CpuTiles, "side", side)
        scores = scored(embeddings, labels)
    assert scores["recall@4"] == pytest.approx(recall_at(embeddings, labels, 4), abs=1e-12)
    assert scores["map@1000"] == pytest.approx(mean_average_precision(embeddings, labels, 1000), abs=1e-12)


def test_an_offset_that_all_share_costs_no_digits():
    embeddings, labels = clustered(spread=0.5)
    expected = scored(embeddings, labels, ("recall@1", "map@r"))
    moved = (embeddings.astype(np.float64) + 1000).astype(np.float32)
    assert scored(moved, labels, ("recall@1", "map@r")) == pytest.approx(expected, abs=0.01)


def test_duplicates_do_not_stand_in_for_the_query():
    # Each sample is there three times: its own row is no neighbour of it, its duplicates are.
    once, _ = clustered(60, 10, 3)
    embeddings = np.repeat(once, 3, axis=0)
    assert scored(embeddings, np.arange(180) // 3, ("recall@1", "map@r")) == {"recall@1": 1, "map@r": 1}
    other_classes = np.arange(180) % 3
    assert scored(embeddings, other_classes, ("recall@1",))["recall@1"] == 0


def test_queries_without_a_mate_are_left_out_and_stay_in_the_gallery():
    embeddings = np.array([[0], [2], [1]], dtype=np.float32)
    # The lone sample lies between the two others.
    assert scored(embeddings, np.array([0, 0, 5]), ("recall@1", "recall@2")) == {"recall@1": 0, "recall@2": 1}


def test_no_pair_at_all():
    with pytest.raises(EmbeddingError, match="no class has two samples"):
        scored(np.eye(4, dtype=np.float32), np.arange(4))


def test_memory_does_not_grow_with_the_square_of_the_samples(monkeypatch):
    largest = []
    ours = tiles.CpuTiles.tile

    def watched(self, rows, columns, barred=None):
        tile = ours(self, rows, columns, barred)
        largest.append(tile.distances.size)
        return tile

    monkeypatch.setattr(tiles.CpuTiles, "tile", watched)
    scored(*clustered(3000, 200, 4), ("recall@1000",))
    assert max(largest) <= 1024**2
    # A tile serves both directions: of 3 x 3, only those on and above the diagonal.
    assert len(largest) == 6


def test_a_device_that_is_not_there():
    with pytest.raises(BackboneError, match="cuda:7"):
        scored(*clustered(), device="cuda:7")
