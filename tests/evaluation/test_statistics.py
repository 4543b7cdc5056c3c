"""AGS, intervals, rank correlations, and agreement of ranks."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from oodml_bench.errors import InputError
from oodml_bench.evaluation.statistics import ags, changes, mean_interval, rank_agreement, spearman

CARS_FIDS = (8.59, 14.33, 32.18, 43.58, 63.29, 86.48, 101.17, 123.03)
CUB_FIDS = (19.16, 28.49, 52.62, 72.20, 92.48, 120.38, 136.45, 152.04, 173.94)

#: Published curves, read from a figure to about 0.003 a point, and the AGS that follows from each.
PUBLISHED = [
    (CARS_FIDS, (0.879, 0.868, 0.856, 0.832, 0.806, 0.774, 0.746, 0.726), 0.8016),
    (CARS_FIDS, (0.867, 0.860, 0.844, 0.821, 0.793, 0.754, 0.728, 0.704), 0.7868),
    (CARS_FIDS, (0.846, 0.840, 0.822, 0.800, 0.775, 0.711, 0.691, 0.667), 0.7586),
    (CARS_FIDS, (0.818, 0.817, 0.796, 0.772, 0.750, 0.694, 0.661, 0.626), 0.7322),
    (CUB_FIDS, (0.789, 0.752, 0.690, 0.687, 0.673, 0.662, 0.646, 0.629, 0.631), 0.6766),
    (CUB_FIDS, (0.777, 0.732, 0.680, 0.677, 0.661, 0.646, 0.633, 0.618, 0.619), 0.6637),
    (CUB_FIDS, (0.759, 0.714, 0.652, 0.644, 0.626, 0.614, 0.603, 0.587, 0.586), 0.6339),
]

#: The published AGS of the same methods, to 0.0005.
PUBLISHED_AGS = (0.802, 0.787, 0.758, 0.732, 0.677, 0.6635, 0.633)

curves = st.lists(
    st.tuples(st.integers(0, 2000), st.floats(0, 1)), min_size=2, max_size=12, unique_by=lambda point: point[0]
)


@pytest.mark.parametrize(("curve", "published"), list(zip(PUBLISHED, PUBLISHED_AGS, strict=True)))
def test_published_values_follow_from_published_curves(curve, published):
    fids, scores, area = curve
    assert ags(fids, scores) == pytest.approx(area, abs=5e-4)
    assert ags(fids, scores) == pytest.approx(published, abs=1.2e-3)


@given(curve=curves, seed=st.integers(0, 99), scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_ags_is_a_mean_blind_to_the_unit_of_the_fid_and_to_order(curve, seed, scale, shift):
    fids, scores = map(np.array, zip(*curve, strict=True))
    value = ags(fids, scores)
    assert scores.min() - 1e-12 <= value <= scores.max() + 1e-12
    order = np.random.default_rng(seed).permutation(len(fids))
    assert ags(fids[order] * scale + shift, scores[order]) == pytest.approx(value, abs=1e-9)
    # Linear in the scores.
    assert ags(fids, 2 * scores + 1) == pytest.approx(2 * value + 1)


def test_ags_of_a_line_is_its_middle_however_levels_lie():
    fids = np.array([3.0, 4.0, 20.0, 21.0])
    assert ags(fids, 1 - fids / 100) == pytest.approx(1 - 12 / 100)


@pytest.mark.parametrize(("fids", "scores"), [([1], [0.5]), ([], []), ([1, 2], [0.5]), ([2, 2], [0.5, 0.6])])
def test_no_area(fids, scores):
    with pytest.raises(InputError, match="have no area"):
        ags(fids, scores)


@given(values=st.lists(st.floats(-100, 100), min_size=2, max_size=10))
def test_intervals_are_those_of_scipy(values):
    assume(np.ptp(values) > 1e-6)
    estimate = mean_interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))
    assert (estimate.mean, estimate.count) == (pytest.approx(np.mean(values)), len(values))


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    found = [mean_interval(rng.normal(3, 2, size=4)) for _ in range(2000)]
    assert np.mean([estimate.low <= 3 <= estimate.high for estimate in found]) == pytest.approx(0.95, abs=0.02)


def test_one_value_has_no_interval_and_none_has_no_mean():
    estimate = mean_interval([0.5])
    assert (estimate.mean, estimate.low, estimate.high, estimate.count) == (0.5, None, None, 1)
    with pytest.raises(InputError, match="no value"):
        mean_interval([])


def test_spearman():
    assert spearman([1, 2, 9], [0.9, 0.8, 0.1]) == -1
    assert spearman([9, 1, 2], [0.1, 0.2, 0.3]) == pytest.approx(-0.5)
    for fids, scores in (([1], [0.5]), ([1, 1], [0.1, 0.2]), ([1, 2], [0.5, 0.5])):
        assert spearman(fids, scores) is None


@given(curve=curves)
def test_changes_lead_from_the_easiest_level_to_the_hardest(curve):
    fids, scores = zip(*curve, strict=True)
    found = changes(fids, scores)
    by_fid = sorted(range(len(fids)), key=lambda place: fids[place])
    assert list(found) == list(pairwise(by_fid))
    assert sum(found.values()) == pytest.approx(scores[by_fid[-1]] - scores[by_fid[0]], abs=1e-9)


def test_levels_of_one_fid_do_not_change_and_rounding_is_no_change():
    assert changes([1, 1, 2], [0.1, 0.2, 0.3]) == {(1, 2): pytest.approx(0.1)}
    assert changes([1, 2], [0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1]) == {(0, 1): 0}


@given(methods=st.integers(2, 6), levels=st.integers(2, 6), seed=st.integers(0, 999))
def test_agreement_is_linked_to_the_mean_rank_correlation(methods, levels, seed):
    scores = np.random.default_rng(seed).random((methods, levels))
    agreement = rank_agreement(scores)
    # Kendall: without ties W is (1 + (m - 1) mean Spearman) / m.
    correlations = [
        stats.spearmanr(scores[:, i], scores[:, j]).statistic for i in range(levels) for j in range(i + 1, levels)
    ]
    assert agreement.kendalls_w == pytest.approx((1 + (levels - 1) * np.mean(correlations)) / levels)
    assert -1 <= agreement.mean_tau <= 1


@given(methods=st.integers(2, 6), levels=st.integers(2, 6), seed=st.integers(0, 999))
def test_agreement_with_ties_is_that_of_friedmans_test(methods, levels, seed):
    scores = np.random.default_rng(seed).integers(0, 3, (methods, levels)).astype(float)
    assume(np.ptp(scores, axis=0).all())
    agreement = rank_agreement(scores)
    if methods > 2:
        friedman = stats.friedmanchisquare(*scores).statistic
        assert agreement.kendalls_w == pytest.approx(friedman / (levels * (methods - 1)))
    same = rank_agreement(np.repeat(scores[:, :1], levels, axis=1))
    assert (same.kendalls_w, same.mean_tau) == (pytest.approx(1), pytest.approx(1))


def test_opposite_orders_do_not_agree():
    agreement = rank_agreement(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]))
    assert (agreement.kendalls_w, agreement.mean_tau) == (0, -1)


@pytest.mark.parametrize("scores", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 2.0], [1.0, 3.0]]])
def test_no_order_to_agree_on(scores):
    assert rank_agreement(np.array(scores)) is None
