"""Gains by few-shot adaptation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from oodml_bench.errors import InputError, RunError
from oodml_bench.evaluation import mean_interval
from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of

from .episodes import AFTER, BEFORE, adapted, episode_rows
from .rows import FIDS, row


def described(gains):
    return [
        (gain.recipe, gain.level, gain.seed, gain.shots, gain.adaptation, gain.episodes, *gain.before, *gain.after)
        for gain in gains
    ]


def test_a_gain_is_that_of_the_same_episodes():
    gains = gains_of(episode_rows())
    assert [(gain.level, gain.seed) for gain in gains] == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    for gain in gains:
        before, after = BEFORE[gain.seed, gain.level - 1], AFTER[gain.seed, gain.level - 1]
        assert (gain.episodes, gain.fid, gain.shots, gain.adaptation) == ((0, 1), FIDS[gain.level - 1], 2, "margin")
        assert gain.before_estimate == mean_interval(before)
        assert gain.after_estimate == mean_interval(after)
        assert gain.gain == mean_interval(after - before)
        assert gain.relative_gain == mean_interval((after - before) / before)


def test_the_interval_of_a_gain_is_that_of_the_paired_t_test():
    random = np.random.default_rng(0)
    before = random.uniform(0.2, 0.8, (1, 1, 10))
    after = before + random.normal(0.01, 0.02, before.shape)
    (gain,) = gains_of(episode_rows(before, after))
    expected = stats.ttest_rel(after.ravel(), before.ravel()).confidence_interval(0.95)
    assert (gain.gain.low, gain.gain.high) == pytest.approx((expected.low, expected.high))
    # Episodes differ by far more than an adaptation changes them.
    assert gain.gain.high - gain.gain.low < 0.5 * (gain.after_estimate.high - gain.after_estimate.low)


def test_a_closed_form():
    (gain,) = gains_of(episode_rows([[[0.5, 0.25]]], [[[0.6, 0.5]]]))
    assert gain.gain.mean == pytest.approx(0.175)
    # The mean of the ratios, 0.2 and 1, not the ratio of the means.
    assert gain.relative_gain.mean == pytest.approx(0.6)


def test_nothing_is_gained_relative_to_nothing():
    rows = episode_rows([[[0.0, 0.5], [0.5, 0.5]]], [[[0.5, 0.5], [1.0, 1.0]]])
    first, second = gains_of(rows)
    assert first.gain.mean == 0.25
    assert first.relative_gain is None
    assert second.relative_gain.mean == 1
    (curve,) = few_shot_curves([first, second])
    assert curve.relative_gain == (None, second.relative_gain)


@given(order=st.permutations(range(44)))
def test_the_order_of_rows_changes_nothing(order):
    rows = [
        *episode_rows(),
        *adapted(episode_rows(adaptation="class_means")),
        *episode_rows(BEFORE[:1, :2], AFTER[:1, :2], recipe="arcface"),
    ]
    assert len(rows) == len(order)
    shuffled = [rows[place] for place in order]
    assert described(gains_of(shuffled)) == described(gains_of(rows))
    assert few_shot_curves(gains_of(shuffled)) == few_shot_curves(gains_of(rows))
    assert few_shot_curves(reversed(gains_of(rows))) == few_shot_curves(gains_of(rows))


@pytest.mark.parametrize("missing", [None, np.nan, np.inf])
@pytest.mark.parametrize("adaptation", [None, "margin"])
def test_episodes_without_both_scores_are_left_out(adaptation, missing):
    rows = episode_rows([[[0.1, 0.2, 0.3]]], [[[0.4, 0.5, 0.6]]])
    lacking = next(row for row in rows if (row.episode, row.adaptation) == (1, adaptation))
    rows.remove(lacking)
    if missing is not None:
        rows.append(replace(lacking, value=missing))
    (gain,) = gains_of(rows)
    assert gain.episodes == (0, 2)
    assert (gain.before.tolist(), gain.after.tolist()) == ([0.1, 0.3], [0.4, 0.6])


@pytest.mark.parametrize(
    "others",
    [
        {"seed": 7}, {"level": 9}, {"shots": 5}, {"recipe": "arcface"}, {"benchmark": "cub200"}, {"weights": "last"},
        {"metric": "map@r"}, {"gallery_classes": 30},
    ],
)  # fmt: skip
def test_scores_of_other_kinds_are_not_paired(others):
    before = row(shots=2, episode=0, value=0.3)
    after = replace(before, value=0.4, adaptation="margin")
    with pytest.raises(InputError, match="no episode was scored both before and after"):
        gains_of([before, replace(after, **others)])
    (gain,) = gains_of([before, after, replace(before, value=0.9, **others)])
    assert (gain.before.item(), gain.after.item()) == (0.3, 0.4)


def test_scores_of_no_episode_are_not_of_few_shots():
    (gain,) = gains_of([row(value=0.9), *episode_rows([[[0.1]]], [[[0.2]]])])
    assert gain.shots == 2


def test_choices():
    rows = [
        *episode_rows(),
        *episode_rows(shots=5),
        *adapted(episode_rows(shots=5, adaptation="class_means")),
        *episode_rows(metric="accuracy"),
        *episode_rows(gallery_classes=30),
    ]
    assert {(gain.shots, gain.adaptation) for gain in gains_of(rows)} == {
        (2, "margin"),
        (5, "class_means"),
        (5, "margin"),
    }
    assert {gain.shots for gain in gains_of(rows, shots=[5])} == {5}
    assert {gain.adaptation for gain in gains_of(rows, adaptation="class_means")} == {"class_means"}
    assert {gain.shots for gain in gains_of(rows, metric="accuracy")} == {2}
    assert {gain.gallery_classes for gain in gains_of(rows, fixed_gallery=True)} == {30}


def test_each_recipe_has_its_first_weights():
    last, selected = episode_rows(weights="last"), episode_rows(BEFORE + 0.1, AFTER + 0.1)
    other = episode_rows(weights="last", recipe="arcface")
    rows = [*last, *selected, *other]
    assert described(gains_of(rows)) == described([*gains_of(other), *gains_of(selected)])
    assert described(gains_of(rows, weights="selected")) == described(gains_of(selected))
    assert described(gains_of(rows, weights="last")) == described([*gains_of(other), *gains_of(last)])


def test_curves_are_over_the_seeds_each_the_mean_of_its_episodes():
    (curve,) = few_shot_curves(gains_of(episode_rows()))
    assert (curve.levels, curve.fids, curve.seeds, curve.over) == ((1, 2, 3), FIDS, 2, "seeds")
    for level in range(3):
        before, after = BEFORE[:, level], AFTER[:, level]
        assert curve.before[level] == mean_interval(before.mean(axis=1))
        assert curve.after[level] == mean_interval(after.mean(axis=1))
        assert curve.relative_gain[level] == mean_interval(((after - before) / before).mean(axis=1))


def test_curves_of_one_seed_are_over_its_episodes():
    (curve,) = few_shot_curves(gains_of(episode_rows(BEFORE[:1], AFTER[:1])))
    assert (curve.seeds, curve.over) == (1, "episodes")
    for level, gain in enumerate(gains_of(episode_rows(BEFORE[:1], AFTER[:1]))):
        assert curve.before[level] == gain.before_estimate
        assert curve.after[level] == gain.after_estimate
        assert curve.relative_gain[level] == gain.relative_gain


def test_a_level_that_only_one_of_several_seeds_has_shows_no_interval():
    rows = [row for row in episode_rows() if (row.seed, row.level) != (1, 3)]
    (curve,) = few_shot_curves(gains_of(rows))
    assert [estimate.count for estimate in curve.after] == [2, 2, 1]
    assert curve.after[2].mean == pytest.approx(AFTER[0, 2].mean())
    assert curve.after[2].low is None


def test_curves_are_by_rising_fid_and_sorted_by_names():
    rows = [
        *episode_rows(recipe="b"),
        *episode_rows(recipe="a", shots=5),
        *episode_rows(recipe="a"),
        *adapted(episode_rows(recipe="a", adaptation="arcface")),
    ]
    harder = [replace(row, level=4 - row.level) for row in rows]
    curves = few_shot_curves(gains_of(harder))
    assert [(curve.recipe, curve.shots, curve.adaptation) for curve in curves] == [
        ("a", 2, "arcface"), ("a", 2, "margin"), ("a", 5, "margin"), ("b", 2, "margin"),
    ]  # fmt: skip
    assert all((curve.levels, curve.fids) == ((3, 2, 1), FIDS) for curve in curves)


def test_nothing_found():
    with pytest.raises(InputError, match="No run was adapted: use `oodml-bench adapt` first"):
        gains_of([row()])
    rows = [*episode_rows(), *episode_rows(metric="accuracy", shots=5, weights="last")]
    with pytest.raises(
        InputError, match=r"map@r, adapted by anything, on all classes .* margin: accuracy, recall@1 at 2, 5"
    ):
        gains_of(rows, metric="map@r")
    with pytest.raises(InputError, match=r"10 shots, last weights, adapted by arcface, on galleries of a fixed size"):
        gains_of(rows, shots=[10], adaptation="arcface", weights="last", fixed_gallery=True)


def test_rows_that_contradict_each_other():
    rows = episode_rows()
    for told in (rows[0], rows[-1]):
        with pytest.raises(
            RunError, match=rf"seed {told.seed}, on level {told.level} of glyphs, 2 shots, .* told twice"
        ):
            gains_of([*rows, replace(told, value=0.9)])
    with pytest.raises(RunError, match=r"level 3 of glyphs has FID 50.0 in one result and 51.0 in another"):
        gains_of([*rows, *(replace(row, fid=51.0, recipe="other") for row in rows if row.level == 3)])
    sizes = [replace(row, gallery_classes=30 + row.level) for row in rows]
    with pytest.raises(InputError, match="galleries of 31 and 32 classes"):
        gains_of(sizes, fixed_gallery=True)
