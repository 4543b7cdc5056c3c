"""The figure of aggregated generalisation scores."""

import pytest

from oodml_bench.evaluation import curves_of
from oodml_bench.reporting.ags_bars import draw_ags
from oodml_bench.reporting.palette import BLUE, SKY

from ..evaluation.rows import rows_of
from .drawn import drawn

HIGH, MIDDLE, LOW = ((0.9, 0.8, 0.7), (0.88, 0.83, 0.66)), ((0.8, 0.7, 0.6),), ((0.5, 0.45, 0.2),)


def bars(axes):
    """Give the bars of a panel: colour, place of the middle, length; from the top."""
    found = [
        (container.patches[0].get_facecolor(), bar.get_y() + bar.get_height() / 2, bar.get_width())
        for container in axes.containers
        if hasattr(container, "patches") and container.patches
        for bar in container.patches
    ]
    return sorted(found, key=lambda bar: bar[1])


def panels(raw, controlled=(), **options):
    return drawn(draw_ags, curves_of(raw), list(controlled), "recall@1", **options).axes


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_bars_are_as_long_as_the_scores_and_the_highest_is_first():
    (axes,) = panels([*rows_of(LOW, recipe="arcface"), *rows_of(HIGH)])
    arcface, margin = curves_of([*rows_of(LOW, recipe="arcface"), *rows_of(HIGH)])
    assert names(axes) == ["margin", "arcface"]
    assert [length for *_, length in bars(axes)] == pytest.approx([margin.ags.mean, arcface.ags.mean])
    assert axes.yaxis_inverted()
    assert axes.get_xlim()[0] == 0


def test_all_benchmarks_have_one_order_and_one_scale():
    rows = [
        *rows_of(HIGH, recipe="margin", benchmark="a"), *rows_of(LOW, recipe="arcface", benchmark="a"),
        *rows_of(MIDDLE, recipe="diva", benchmark="a"),
        *rows_of(MIDDLE, recipe="margin", benchmark="b"), *rows_of(HIGH, recipe="arcface", benchmark="b"),
    ]  # fmt: skip
    for width in (3.3, 6.9, None):
        first, second = panels(rows, width=width)
        assert names(first) == ["margin", "diva", "arcface"]
        assert first.get_xlim() == second.get_xlim()
        assert [axes.get_title() for axes in (first, second)] == ["a", "b"]
        # Nothing where a benchmark lacks a recipe.
        assert [place for _, place, _ in bars(first)] == pytest.approx([0, 1, 2])
        assert [place for _, place, _ in bars(second)] == pytest.approx([0, 2])
        beside = first.get_subplotspec().get_gridspec().ncols == 2
        assert beside == (width != 3.3)


def test_scores_on_galleries_of_one_size_are_beside_the_others_where_there_are_some():
    rows = [*rows_of(HIGH, benchmark="a"), *rows_of(MIDDLE, benchmark="b")]
    controlled = curves_of(rows_of(LOW, benchmark="b", gallery_classes=30), fixed_gallery=True)
    figure = drawn(draw_ags, curves_of(rows), controlled, "recall@1")
    first, second = figure.axes
    ((_, place, _),) = bars(first)
    assert place == pytest.approx(0)
    (_, above, _), (_, below, length) = bars(second)
    assert above == pytest.approx(-below)
    assert length == pytest.approx(controlled[0].ags.mean)
    (legend,) = figure.legends
    colours = {
        text.get_text(): patch.get_facecolor()[:3]
        for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True)
    }
    assert colours == {
        "all classes of each level": pytest.approx(rgb(BLUE)),
        "galleries of 30 classes": pytest.approx(rgb(SKY)),
    }


def rgb(colour):
    return [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]


def test_the_axis_ends_with_the_bars_and_leaves_room_for_their_numbers():
    for width in (3.3, 6.9):
        (axes,) = panels(rows_of(HIGH), width=width)
        end = curves_of(rows_of(HIGH))[0].ags.high
        assert axes.spines["bottom"].get_bounds() == pytest.approx((0, end))
        assert all(0 <= tick <= end for tick in axes.get_xticks())
        free = (axes.get_xlim()[1] - end) / axes.get_xlim()[1] * axes.get_window_extent().width / 100
        assert free > 0.6


def test_scores_on_galleries_without_others_are_not_drawn():
    rows = [*rows_of(HIGH), *rows_of([LOW[0][:2]], recipe="arcface")]
    for of_recipe in ("arcface", "diva"):
        controlled = curves_of(rows_of(LOW, recipe=of_recipe, gallery_classes=30), fixed_gallery=True)
        (axes,) = drawn(draw_ags, curves_of(rows), controlled, "recall@1").axes
        assert names(axes) == ["margin"]
        assert len(bars(axes)) == 1


def test_bars_keep_some_room_beside_long_names():
    (axes,) = panels(rows_of(HIGH, recipe="a recipe of a long name, tuned"), width=3.3)
    assert 0 < curves_of(rows_of(HIGH))[0].ags.high < axes.get_xlim()[1]
