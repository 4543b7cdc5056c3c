"""The search for similar rows: what brute force finds, however the rows are cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oodml_bench.splits.audit import similar_rows
from oodml_bench.splits.audit.similar_rows import Rows, alike_rows


def every_pair(first, _):
    return np.ones(np.shape(first), dtype=bool)


def brute_force(matrix, at_least, wanted=every_pair):
    centred = matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64)
    directions = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    cosines = directions @ directions.T
    return {
        (a, b): cosines[a, b]
        for b in range(len(matrix))
        for a in range(b)
        if cosines[a, b] >= at_least and wanted(a, b)
    }


def cut(matrix, sizes):
    """Give a matrix in batches of the given sizes, and the rest, one batch of them empty."""
    places = np.minimum(np.cumsum([0, *sizes]), len(matrix))
    batches = [matrix[begin:end] for begin, end in pairwise(places)]
    return Rows(len(matrix), lambda: iter([*batches, matrix[:0], matrix[places[-1] :]]))


def search(rows, at_least, *wanted, most=10_000):
    return alike_rows(rows, at_least, wanted or [every_pair], most=most, description="rows")


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 60),
    dimension=st.integers(2, 9),
    sizes=st.lists(st.integers(0, 25), max_size=4),
    block=st.integers(1, 70),
    at_once=st.integers(1, 300),
    at_least=st.sampled_from([0.05, 0.4, 0.9]),
)
def test_all_pairs_are_found_however_rows_are_cut(seed, count, dimension, sizes, block, at_once, at_least):
    rng = np.random.default_rng(seed)
    matrix = (rng.normal(size=(count, dimension)) + rng.normal(size=dimension) * 3).astype(np.float32)
    matrix[rng.integers(count)] = matrix[rng.integers(count)]
    expected = brute_force(matrix, at_least)
    # A pair on the threshold itself may fall either way.
    if any(abs(cosine - at_least) < 1e-6 for cosine in brute_force(matrix, at_least - 1e-5).values()):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar_rows, "_BLOCK_BYTES", block * dimension * 4)
        patch.setattr(similar_rows, "_MOST_AT_ONCE", at_once)
        (found,) = search(cut(matrix, sizes), at_least)
    pairs = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.similarity, strict=True))
    assert pairs.keys() == expected.keys()
    assert len(pairs) == len(found.first)
    for pair, cosine in expected.items():
        assert pairs[pair] == pytest.approx(cosine, abs=2e-6)
    assert (np.diff(found.similarity) <= 0).all()
    assert found.dropped == 0


@given(seed=st.integers(0, 2**32 - 1), most=st.integers(1, 30), block=st.integers(1, 40))
def test_of_too_many_the_most_similar_stay_and_the_rest_is_told(seed, most, block):
    matrix = np.random.default_rng(seed).normal(size=(40, 4)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar_rows, "_BLOCK_BYTES", block * 16)
        (kept,) = search(Rows.of(matrix), 0.3, most=most)
    (every,) = search(Rows.of(matrix), 0.3)
    assert np.array_equal(kept.first, every.first[:most])
    assert np.array_equal(kept.second, every.second[:most])
    assert (kept.dropped > 0) == (len(every.first) > most)
    assert kept.dropped <= len(every.first) - len(kept.first)


def test_each_question_has_its_own_answer():
    matrix = np.random.default_rng(0).normal(size=(50, 5))
    labels = np.arange(50) % 3
    same, other = search(Rows.of(matrix), 0.5, lambda a, b: labels[a] == labels[b], lambda a, b: labels[a] != labels[b])
    for found, wanted in ((same, lambda a, b: labels[a] == labels[b]), (other, lambda a, b: labels[a] != labels[b])):
        expected = brute_force(matrix, 0.5, wanted)
        assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == set(expected)


def test_rows_at_the_mean_are_like_none():
    matrix = np.zeros((6, 3), np.float32) + 7
    (found,) = search(Rows.of(matrix), 0.1)
    assert len(found.first) == 0


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_have_no_pair(count):
    (found,) = search(Rows.of(np.ones((count, 3))), -1)
    assert len(found.first) == 0
