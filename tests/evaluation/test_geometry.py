"""Distances within and between classes, spectral decay, alignment and uniformity."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group

from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation import geometry, tiles
from oodml_bench.evaluation.checking import checked
from oodml_bench.evaluation.geometry import GEOMETRY_METRICS, geometry_scores
from oodml_bench.threads import usual_threads

from .embedded import clustered

sizes = st.tuples(st.integers(12, 60), st.integers(2, 6), st.integers(2, 8), st.integers(0, 999))


def scored(embeddings, labels, metrics=GEOMETRY_METRICS, **options):
    return geometry_scores(checked(embeddings, labels), metrics, **options)


def pair_after_pair(embeddings, labels):
    """Compute the metrics by their definitions."""
    given_ = embeddings.astype(np.float64)
    units = given_ / np.linalg.norm(given_, axis=1, keepdims=True)
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    intra = [
        np.mean([1 - units[first] @ units[second] for first, second in combinations(rows, 2)])
        for rows in by_class
        if len(rows) > 1
    ]
    means = [given_[rows].mean(axis=0) / np.linalg.norm(given_[rows].mean(axis=0)) for rows in by_class]
    inter = np.mean([1 - first @ second for first, second in combinations(means, 2)])
    squares = {(i, j): ((units[i] - units[j]) ** 2).sum() for i, j in combinations(range(len(labels)), 2)}
    values = np.linalg.svd(given_, compute_uv=False)
    shares = values / values.sum()
    return {
        "intra": np.mean(intra),
        "inter": inter,
        "intra_over_inter": np.mean(intra) / inter,
        "rho": sum(1 / len(shares) * np.log(1 / len(shares) / share) for share in shares),
        "alignment": np.mean([square for (i, j), square in squares.items() if labels[i] == labels[j]]),
        "uniformity": np.log(np.mean(np.exp([-2 * square for square in squares.values()]))),
    }


@given(size=sizes, lone=st.booleans(), block=st.sampled_from([1, 5, 1024]))
def test_equal_to_one_pair_after_the_other(size, lone, block):
    count, classes, dimension, seed = size
    embeddings, labels = clustered(count, classes, dimension, seed=seed)
    if lone:
        labels[0] = 99
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.CpuTiles, "side", block)
        patch.setattr(geometry, "_BLOCK", block)
        scores = scored(embeddings, labels)
    assert tuple(scores) == GEOMETRY_METRICS
    assert scores == pytest.approx(pair_after_pair(embeddings, labels), rel=1e-5, abs=1e-6)


@given(size=sizes)
def test_blind_to_order_and_rotation_and_the_cosines_to_length(size):
    count, classes, dimension, seed = size
    embeddings, labels = clustered(count, classes, dimension, seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    scores = scored(embeddings, labels)
    close = {"rel": 1e-4, "abs": 1e-5}
    assert scored(embeddings[order], labels[order]) == pytest.approx(scores, **close)
    assert scored(embeddings @ ortho_group.rvs(dimension, random_state=seed), labels) == pytest.approx(scores, **close)
    assert scored(embeddings * 7, labels) == pytest.approx(scores, **close)
    cosines = ("intra", "alignment", "uniformity")
    stretched = scored(embeddings * rng.uniform(0.5, 2, (count, 1)), labels)
    assert {name: stretched[name] for name in cosines} == pytest.approx(
        {name: scores[name] for name in cosines}, **close
    )


def test_closed_forms_of_perfect_classes():
    labels = np.repeat(np.arange(5), 4)
    scores = scored(np.eye(5, dtype=np.float32)[labels] * 3, labels)
    assert scores["intra"] == pytest.approx(0, abs=1e-12)
    assert scores["inter"] == pytest.approx(1)
    assert scores["intra_over_inter"] == pytest.approx(0, abs=1e-12)
    assert scores["alignment"] == pytest.approx(0, abs=1e-12)
    # Every direction has the same singular value.
    assert scores["rho"] == pytest.approx(0, abs=1e-12)
    # 5 x 6 of the 190 pairs are at distance 0, the others at squared distance 2.
    assert scores["uniformity"] == pytest.approx(np.log((30 + 160 * np.exp(-4)) / 190), abs=1e-6)


def test_alignment_is_twice_the_cosine_distance_where_classes_have_one_size():
    embeddings, labels = clustered(40, 20, 6)
    scores = scored(embeddings, labels, ("intra", "alignment"))
    assert scores["alignment"] == pytest.approx(2 * scores["intra"])


@pytest.mark.parametrize("fill", [0, 1e-9])
def test_rho_of_dimensions_that_are_not_filled_is_infinite(fill):
    embeddings, labels = clustered(50, 5, 6)
    embeddings[:, 5] = fill
    embeddings[:, 4] = embeddings[:, 3]
    assert scored(embeddings, labels, ["rho"])["rho"] == np.inf
    assert np.isfinite(scored(embeddings[:, :4], labels, ["rho"])["rho"])


def test_more_dimensions_than_samples():
    embeddings, labels = clustered(20, 4, 50)
    assert scored(embeddings, labels, ["rho"])["rho"] == pytest.approx(pair_after_pair(embeddings, labels)["rho"])


def test_classes_that_lie_upon_each_other():
    labels = np.array([0, 0, 1, 1])
    embeddings = np.array([[1, 1], [1, -1], [1, -1], [1, 1]], dtype=np.float32)
    assert scored(embeddings, labels, ["intra_over_inter"]) == {"intra_over_inter": np.inf}


def test_a_device_computes_one_tile_at_a_time():
    factors = tiles.Factors.of(np.ones((2, 3), np.float32))
    with tiles.TorchTiles(factors, torch.device("cpu")).side_by_side() as count:
        assert count == 1
    before = usual_threads()
    with tiles.CpuTiles(factors).side_by_side() as count:
        assert (count, usual_threads()) == (before, 1)
    assert usual_threads() == before


def test_the_tiles_of_torch_give_the_same(monkeypatch):
    embeddings, labels = clustered()
    expected = scored(embeddings, labels, ["uniformity"])
    monkeypatch.setattr(tiles.TorchTiles, "side", 64)
    monkeypatch.setattr(geometry, "tiles_of", lambda factors, _: tiles.TorchTiles(factors, torch.device("cpu")))
    assert scored(embeddings, labels, ["uniformity"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("metric", ["intra", "alignment", "uniformity", "intra_over_inter"])
def test_a_zero_vector_has_no_cosine(metric):
    embeddings, labels = clustered()
    embeddings[17] = 0
    with pytest.raises(EmbeddingError, match=r"row 17 is zero \(1 of 300 rows are\)"):
        scored(embeddings, labels, [metric])
    assert np.isfinite(scored(embeddings, labels, ["rho", "inter"])["rho"])


def test_a_zero_class_mean_has_no_cosine():
    embeddings = np.array([[1, 0], [1, 1], [0, 1], [0, -1]], dtype=np.float32)
    with pytest.raises(EmbeddingError, match="the mean of the class of row 2 is zero"):
        scored(embeddings, np.array([0, 0, 1, 1]), ["inter"])


@pytest.mark.parametrize("metric", ["intra", "alignment", "intra_over_inter"])
def test_no_pair_at_all(metric):
    with pytest.raises(EmbeddingError, match="no class has two samples"):
        scored(np.eye(4, dtype=np.float32), np.arange(4), [metric])
