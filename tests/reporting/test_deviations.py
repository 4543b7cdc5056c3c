"""The figure's lower row: deviations from the mean over recipes."""

import numpy as np
import pytest

from oodml_bench.errors import InputError
from oodml_bench.evaluation import curves_of
from oodml_bench.evaluation.relative import relative_deviations
from oodml_bench.reporting import plot_curves
from oodml_bench.reporting.curves import draw_curves

from ..evaluation.rows import FIDS, rows_of
from .drawn import drawn

HIGH, LOW = [[0.9, 0.8, 0.75]], [[0.7, 0.5, 0.55]]
BOTH = [*rows_of(HIGH, recipe="high"), *rows_of(LOW, recipe="low")]


def panels(rows, **options):
    return drawn(draw_curves, curves_of(rows), "recall@1", relative=True, **options).axes


def named(axes, recipe):
    """Give the points and the line of a recipe."""
    lines = {(line.get_label(), line.get_marker() not in ("", "None")): line for line in axes.lines}
    return lines[recipe, True], next(
        line
        for line in axes.lines
        if line.get_color() == lines[recipe, True].get_color() and line.get_marker() in ("", "None")
    )


def test_points_are_deviations_in_per_cent_and_the_line_is_that_of_least_squares():
    scores, deviations = panels(BOTH)
    expected = 100 * relative_deviations(curves_of(BOTH))
    for recipe, values in zip(("high", "low"), expected, strict=True):
        points, line = named(deviations, recipe)
        assert points.get_xdata() == pytest.approx(FIDS)
        assert points.get_ydata() == pytest.approx(values)
        residuals = values - line.get_ydata()
        # What makes a straight line that of least squares.
        assert residuals.sum() == pytest.approx(0, abs=1e-9)
        assert residuals @ np.array(FIDS) == pytest.approx(0, abs=1e-9)
        assert np.abs(residuals).max() > 0.1
    assert deviations.get_xlim() == scores.get_xlim()


def test_a_recipe_looks_the_same_in_every_panel():
    rows = [*BOTH, *rows_of(LOW, recipe="high", benchmark="cub200"), *rows_of(HIGH, recipe="low", benchmark="cub200")]
    axes = panels(rows)
    styles = {}
    for each in axes:
        for line in each.lines:
            if line.get_label() in ("high", "low") and line.get_marker() not in ("", "None"):
                styles.setdefault(line.get_label(), set()).add((line.get_color(), line.get_marker()))
    assert {recipe: len(looks) for recipe, looks in styles.items()} == {"high": 1, "low": 1}
    assert styles["high"] != styles["low"]


@pytest.mark.parametrize("levels", [1, 2])
def test_no_line_is_fitted_to_fewer_than_three_levels(levels):
    rows = [row for row in BOTH if row.level <= levels]
    _, deviations = panels(rows)
    assert [
        line.get_marker()
        for line in deviations.lines
        if len(line.get_xdata()) == levels and line.get_label() in ("high", "low")
    ] == ["o", "s"]


def test_benchmarks_are_beside_each_other_where_there_is_room():
    rows = [
        row
        for name in ("cars196", "cub200", "sop")
        for kind in ((HIGH, "high"), (LOW, "low"))
        for row in rows_of(kind[0], recipe=kind[1], benchmark=name)
    ]
    for width, columns in ((3.3, 1), (6.9, 3), (None, 3)):
        axes = panels(rows, width=width)
        specs = [each.get_subplotspec() for each in axes]
        assert len(axes) == 6
        assert {spec.get_gridspec().ncols for spec in specs} == {columns}
        for benchmark, (scores, deviations) in zip(("cars196", "cub200", "sop"), _pairs(axes), strict=True):
            assert scores.get_title() == benchmark
            assert deviations.get_subplotspec().rowspan.start == scores.get_subplotspec().rowspan.start + 1


def _pairs(axes):
    """Give the two panels of each benchmark."""
    by_place = {(each.get_subplotspec().rowspan.start, each.get_subplotspec().colspan.start): each for each in axes}
    return [(each, by_place[row + 1, column]) for (row, column), each in sorted(by_place.items()) if row % 2 == 0]


def test_one_recipe_has_nothing_to_be_compared_with(tmp_path):
    with pytest.raises(InputError, match="give two recipes or more on one benchmark"):
        plot_curves(rows_of(HIGH), tmp_path / "x.pdf", relative=True)
    assert not list(tmp_path.iterdir())
