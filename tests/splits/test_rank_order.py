"""Order of measurements of the same levels."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.splits.rank_order import changed_neighbours, rank_correlations, settled

measurements = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=9).map(
    lambda pairs: tuple(np.array(side, dtype=float) for side in zip(*pairs, strict=True))
)


@given(measurements)
def test_kendall_counts_pairs(both):
    first, second = both
    found = rank_correlations(first, second)
    pairs = list(itertools.combinations(range(len(first)), 2))
    signs = [(np.sign(first[i] - first[j]), np.sign(second[i] - second[j])) for i, j in pairs]
    untied = [sum(1 for sign in side if sign) for side in zip(*signs, strict=True)]
    if 0 in untied:
        assert found is None
    else:
        assert found[1] == pytest.approx(sum(a * b for a, b in signs) / np.sqrt(untied[0] * untied[1]))


@given(measurements)
def test_spearman_correlates_mean_ranks(both):
    found = rank_correlations(*both)
    if found is not None:
        ranks = [[np.mean(np.flatnonzero(np.sort(side) == value)) for value in side] for side in both]
        assert found[0] == pytest.approx(np.corrcoef(ranks)[0, 1])


def test_one_level_has_no_order_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rank_correlations(np.array([1.0]), np.array([2.0])) is None
        assert rank_correlations(np.array([1.0, 2.0]), np.array([2.0, 2.0])) is None


def test_rounding_has_no_order():
    assert settled([3.0, 1.0 + 1e-13, 1.0, 2.0], 1e-12).tolist() == [3.0, 1.0, 1.0, 2.0]
    assert settled([1.0, 1.0 + 1e-13], 0.0).tolist() == [1.0, 1.0 + 1e-13]


@pytest.mark.parametrize(
    ("own", "other", "changed"),
    [
        ([1, 2, 3], [1, 2, 3], []),
        ([1, 2, 3], [3, 2, 1], [0, 1]),
        ([1, 2, 3], [1, 3, 2], [1]),
        ([1, 2, 2], [1, 3, 2], []),
        ([1, 2, 3], [1, 1, 2], []),
        ([1], [1], []),
    ],
)
def test_neighbours_that_change_order(own, other, changed):
    assert changed_neighbours(np.array(own, dtype=float), np.array(other, dtype=float)) == changed
