"""Curves put together from results."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import InputError, RunError
from oodml_bench.evaluation import ags, curves_of, mean_interval
from oodml_bench.evaluation.curves import agreement_of_curves

from .rows import FIDS, row, rows_of

SCORES = ((0.9, 0.8, 0.7), (0.8, 0.9, 0.6))


@given(seed=st.integers(0, 999))
def test_a_curve_a_recipe_whatever_the_order_of_the_rows(seed):
    rows = rows_of(SCORES) + rows_of(SCORES[:1], recipe="arcface") + rows_of(SCORES, metric="map@r")
    order = np.random.default_rng(seed).permutation(len(rows))
    arcface, margin = curves_of([rows[place] for place in order])
    assert (arcface.recipe, margin.recipe) == ("arcface", "margin")
    assert (margin.levels, margin.fids, margin.seeds) == ((1, 2, 3), FIDS, (0, 1))
    assert (margin.scores == np.array(SCORES)).all()
    assert (arcface.scores == np.array(SCORES[:1])).all()


def test_levels_are_in_the_order_of_their_fids():
    (curve,) = curves_of([row(level=1, fid=30.0, value=0.1), row(level=2, fid=5.0, value=0.9)])
    assert (curve.levels, curve.fids) == ((2, 1), (5.0, 30.0))
    assert curve.scores.tolist() == [[0.9, 0.1]]


def test_means_intervals_and_numbers():
    (curve,) = curves_of(rows_of(SCORES))
    assert curve.mean == pytest.approx([0.85, 0.85, 0.65])
    assert curve.at_levels[1] == mean_interval([0.8, 0.9])
    assert curve.ags == mean_interval([ags(FIDS, scores) for scores in SCORES])
    # A tie is no fall.
    assert list(curve.changes.values()) == [0, pytest.approx(-0.2)]
    assert not curve.falls
    (second,) = curves_of(rows_of(SCORES[1:]))
    assert second.spearman == pytest.approx(-0.5)
    assert second.changes == {(1, 2): pytest.approx(0.1), (2, 3): pytest.approx(-0.3)}
    assert not second.falls
    assert curves_of(rows_of(SCORES[:1]))[0].falls
    assert second.ags.low is None


def test_seeds_that_lack_a_level_count_at_the_others():
    (curve,) = curves_of(rows_of(SCORES)[:-1])
    assert np.isnan(curve.scores[1, 2])
    assert curve.mean == pytest.approx([0.85, 0.85, 0.7])
    assert curve.ags == mean_interval([ags(FIDS, SCORES[0])])
    assert [level.count for level in curve.at_levels] == [2, 2, 1]
    # No seed has all.
    (curve,) = curves_of([*rows_of(SCORES)[1:3], *rows_of(SCORES)[3:5]])
    assert curve.ags is None


def test_recipes_are_compared_over_the_same_levels():
    rows = rows_of(SCORES) + rows_of([SCORES[0][:2]], recipe="arcface")
    arcface, margin = curves_of(rows)
    assert arcface.levels == margin.levels == (1, 2, 3)
    assert np.isnan(arcface.mean[2])
    # Over an easier part of the range its area would be larger.
    assert arcface.ags is None
    assert arcface.spearman == pytest.approx(-1)


def test_scores_without_a_finite_value_are_missing():
    (curve,) = curves_of(rows_of([[np.inf, 0.4, np.nan]]))
    assert curve.at_levels[0] is None
    assert curve.mean.tolist()[1] == 0.4
    assert (curve.ags, curve.spearman, curve.changes, curve.falls) == (None, None, {}, False)
    assert curve.missing == (1, 3)


def test_one_level_alone():
    (curve,) = curves_of([row()])
    assert (curve.ags, curve.spearman, curve.changes, curve.falls) == (None, None, {}, False)
    assert curve.mean.tolist() == [0.5]


def test_episodes_are_averaged_for_each_seed():
    rows = [row(shots=2, episode=episode, value=episode / 10, seed=seed) for episode in range(4) for seed in range(2)]
    (curve,) = curves_of([*rows, row(value=0.9)], shots=2)
    assert curve.scores.tolist() == [[pytest.approx(0.15)], [pytest.approx(0.15)]]


def test_fixed_galleries_and_weights_are_apart():
    rows = [row(value=0.1), row(value=0.2, gallery_classes=30), row(value=0.3, weights="last")]
    assert curves_of(rows)[0].scores.item() == 0.1
    assert curves_of(rows, weights="last")[0].scores.item() == 0.3
    (curve,) = curves_of(rows, fixed_gallery=True)
    assert (curve.scores.item(), curve.gallery_classes) == (0.2, 30)
    with pytest.raises(InputError, match="galleries of 30, 40 classes"):
        curves_of([*rows, row(level=2, fid=20.0, gallery_classes=40)], fixed_gallery=True)


def test_each_recipe_speaks_by_the_weights_that_it_has():
    scored = {"margin": ("selected", "last"), "arcface": ("last",), "theirs": ("given",)}
    rows = [row(recipe=name, weights=kind) for name, kinds in scored.items() for kind in kinds]
    found = {curve.recipe: curve.weights for curve in curves_of(rows, weights=None)}
    assert found == {"arcface": "last", "margin": "selected", "theirs": "given"}
    assert [curve.recipe for curve in curves_of(rows, weights="last")] == ["arcface", "margin"]


def test_adapted_weights_are_apart():
    rows = [row(shots=2, episode=0, value=0.1), row(shots=2, episode=0, value=0.4, adaptation="margin")]
    assert curves_of(rows, shots=2)[0].scores.item() == 0.1
    assert curves_of(rows, shots=2, adaptation="margin")[0].scores.item() == 0.4


def test_a_curve_a_benchmark():
    first, second = curves_of([row(), row(benchmark="cub200", fid=99.0)])
    assert (first.benchmark, second.benchmark, first.fids) == ("cub200", "glyphs", (99.0,))


def test_rows_that_contradict_each_other():
    with pytest.raises(RunError, match=r"level 1 of glyphs has FID 10.0 in one result and 11.0 in another"):
        curves_of([row(), row(seed=1, fid=11.0)])
    with pytest.raises(RunError, match="recall@1 of margin, seed 0, on level 1 of glyphs is told twice"):
        curves_of([row(), row(value=0.6)])


def test_nothing_to_draw_a_curve_of():
    with pytest.raises(InputError, match=r"no result is of map@r, .*; there are recall@1"):
        curves_of([row()], "map@r")
    with pytest.raises(InputError, match=r"last weights.* of this metric there are selected weights at 0 shots"):
        curves_of([row()], weights="last")
    with pytest.raises(InputError, match="none at all"):
        curves_of([])


def test_agreement_over_common_levels():
    rows = rows_of([[0.9, 0.8, 0.7]]) + rows_of([[0.8, 0.7, 0.9]], recipe="arcface")
    agreement = agreement_of_curves(curves_of(rows))
    assert agreement.mean_tau == pytest.approx(-1 / 3)
    # Without the last level of one of them, both agree on those that are left.
    assert agreement_of_curves(curves_of(rows[:-1])).mean_tau == 1
    assert agreement_of_curves(curves_of(rows_of([[0.9, 0.8, 0.7]]))) is None
    assert agreement_of_curves([]) is None
    with pytest.raises(InputError, match="different benchmarks"):
        agreement_of_curves(curves_of([row(), row(benchmark="cub200")]))
