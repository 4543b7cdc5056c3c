"""Deviations from the mean over recipes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oodml_bench.errors import InputError
from oodml_bench.evaluation import curves_of
from oodml_bench.evaluation.relative import relative_deviations

from .rows import rows_of

LEVELS = 3
SCORES = arrays(np.float64, st.tuples(st.integers(2, 5), st.just(LEVELS)), elements=st.floats(0.01, 1))


def curves(scores):
    """Give a curve a row of scores, shape (recipes, levels)."""
    return curves_of([row for number, each in enumerate(scores) for row in rows_of([each], recipe=f"recipe {number}")])


def test_closed_form():
    found = relative_deviations(curves([[0.9, 0.6, 0.2], [0.7, 0.4, 0.2]]))
    assert found == pytest.approx(np.array([[0.125, 0.2, 0], [-0.125, -0.2, 0]]))


def test_seeds_are_averaged_first():
    rows = [*rows_of([[0.8, 0.5, 0.1], [1.0, 0.7, 0.3]], recipe="a"), *rows_of([[0.7, 0.4, 0.2]], recipe="b")]
    assert relative_deviations(curves_of(rows))[0] == pytest.approx([0.125, 0.2, 0])


@given(SCORES)
def test_deviations_of_all_recipes_sum_up_to_nothing_at_every_level(scores):
    found = relative_deviations(curves(scores))
    assert found.shape == scores.shape
    assert found.sum(axis=0) == pytest.approx(np.zeros(LEVELS), abs=1e-9)


@given(SCORES, arrays(np.float64, LEVELS, elements=st.floats(0.1, 10)))
def test_how_high_all_scores_are_at_a_level_changes_nothing(scores, factors):
    scaled = relative_deviations(curves(scores * factors))
    assert scaled == pytest.approx(relative_deviations(curves(scores)), abs=1e-9)


def test_a_level_that_one_recipe_lacks_is_nothing_to_all():
    found = relative_deviations(curves([[0.9, np.nan, 0.2], [0.7, 0.4, 0.2], [0.8, 0.4, 0.2]]))
    assert np.isnan(found).tolist() == [[False, True, False]] * 3
    assert found[:, 0] == pytest.approx([0.125, -0.125, 0])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.9, 0.6, 0.2]], "give two recipes or more on one benchmark"),
        ([[0.9, np.nan, 0.2], [np.nan, 0.4, np.nan]], "no level of glyphs has scores of all 2 recipes"),
        ([[-0.9, 0.6, 0.2], [-0.7, 0.4, 0.2]], "have a mean of -0.8 over recipes"),
        ([[0.0, 0.6, 0.2], [0.0, 0.4, 0.2]], "take another metric"),
    ],
)
def test_what_has_no_deviations(scores, message):
    with pytest.raises(InputError, match=message):
        relative_deviations(curves(scores))


def test_recipes_of_several_benchmarks_have_no_mean():
    both = [*rows_of([[0.9, 0.6, 0.2]]), *rows_of([[0.9, 0.6, 0.2]], benchmark="cub200")]
    with pytest.raises(InputError, match="on cub200, glyphs have no mean"):
        relative_deviations(curves_of(both))
