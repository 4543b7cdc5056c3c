"""Figures of scores over hardness."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from oodml_bench.errors import InputError, OutputExistsError, RunError
from oodml_bench.evaluation import curves_of, write_results
from oodml_bench.reporting import plot_ags, plot_curves
from oodml_bench.reporting.curves import draw_curves

from ..evaluation.rows import row, rows_of

SCORES = ((0.9, 0.8, 0.7), (0.88, 0.83, 0.66), (0.91, 0.8, 0.69))
POOR = ((0.5, 0.45, 0.2), (0.52, 0.4, 0.22), (0.55, 0.41, 0.3))


@pytest.fixture
def rows():
    return [
        *rows_of(POOR, recipe="arcface"),
        *rows_of(SCORES),
        *rows_of(np.array(SCORES) + 0.05, gallery_classes=30),
        *rows_of(SCORES, metric="map@r", weights="last"),
    ]


def in_order(text, *labels):
    places = [text.index(f"<!-- {label} -->") for label in labels]
    return places == sorted(places)


@pytest.mark.parametrize("plot", [plot_curves, plot_ags])
@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_results_give_the_same_picture(tmp_path, rows, plot, suffix):
    first, second = (plot(rows, tmp_path / f"{name}{suffix}") for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(OutputExistsError):
        plot(rows, first)
    assert plot(rows[:9], first, overwrite=True).read_bytes() != second.read_bytes()


def test_a_folder_of_runs_gives_what_its_rows_give(tmp_path, rows):
    write_results(tmp_path / "runs" / "first" / "results.jsonl", rows[:12])
    write_results(tmp_path / "runs" / "second" / "results.jsonl", rows[12:])
    for plot in (plot_curves, plot_ags):
        of_folder = plot(str(tmp_path / "runs"), tmp_path / f"{plot.__name__}.svg")
        assert of_folder.read_bytes() == plot(rows, tmp_path / f"{plot.__name__}2.svg").read_bytes()


def test_curves_name_recipes_levels_and_bands(tmp_path, rows):
    text = plot_curves(rows, tmp_path / "curves.svg").read_text()
    assert in_order(text, "mean and 95 % t-interval over 3 seeds", "margin", "arcface")
    for label in ("FID of train and test", "Recall@1", "level", "1", "2", "3"):
        assert f"<!-- {label} -->" in text


def test_levels_that_would_touch_share_a_label(tmp_path):
    fids = (10.0, 10.5, 11.0, 90.0)
    rows = [row(level=level, fid=fid, value=1 / fid) for level, fid in enumerate(fids, 1)]
    text = plot_curves(rows, tmp_path / "curves.svg").read_text()
    assert "<!-- 1–3 -->" in text
    assert "<!-- 4 -->" in text
    assert "<!-- 2 -->" not in text


@pytest.mark.parametrize(
    ("counts", "note"),
    [
        ((1, 1), "one seed: no interval"),
        ((2, 3), "mean and 95 % t-interval over 2 to 3 seeds"),
        ((1, 3), "mean and 95 % t-interval over 1 to 3 seeds, none over one"),
    ],
)
def test_what_the_intervals_are_is_said(tmp_path, counts, note):
    rows = [*rows_of(SCORES[: counts[0]]), *rows_of(POOR[: counts[1]], recipe="arcface")]
    for plot in (plot_curves, plot_ags):
        assert f"<!-- {note} -->" in plot(rows, tmp_path / f"{plot.__name__}.svg").read_text()


def test_seeds_that_lack_a_level_are_not_told_as_those_of_the_ags(tmp_path):
    rows = rows_of(SCORES)[:-1]
    text = plot_ags(rows, tmp_path / "ags.svg").read_text()
    assert "<!-- mean and 95 % t-interval over 2 seeds -->" in text
    text = plot_curves(rows, tmp_path / "curves.svg").read_text()
    assert "<!-- mean and 95 % t-interval over 2 to 3 seeds -->" in text


@pytest.mark.parametrize("plot", [plot_curves, plot_ags])
def test_recipes_without_selected_weights_are_drawn_beside_those_with(tmp_path, rows, plot):
    text = plot([*rows, *rows_of(POOR, recipe="short", weights="last")], tmp_path / "x.svg").read_text()
    for label in ("margin (selected weights)", "arcface (selected weights)", "short (last weights)"):
        assert f"<!-- {label} -->" in text


def test_fixed_galleries_and_weights(tmp_path, rows):
    text = plot_curves(rows, tmp_path / "fixed.svg", fixed_gallery=True).read_text()
    assert "<!-- Recall@1, galleries of 30 classes -->" in text
    assert "arcface" not in text
    # The selected weights have no such score; the last have, but were not asked for.
    with pytest.raises(InputError, match="no result is of map@r, selected weights"):
        plot_curves(rows, tmp_path / "map.svg", metric="map@r")
    assert "<!-- MAP@R -->" in plot_curves(rows, tmp_path / "map.svg", metric="map@r", weights="last").read_text()
    given = rows_of(SCORES, weights="given")
    assert plot_curves(given, tmp_path / "given.svg").exists()
    assert not (tmp_path / "missing.svg").exists()


def test_ags_are_ordered_and_written_beside_their_bars(tmp_path, rows):
    text = plot_ags(rows, tmp_path / "ags.svg").read_text()
    arcface, margin = curves_of(rows)
    (controlled,) = curves_of(rows, fixed_gallery=True)
    for curve in (arcface, margin, controlled):
        estimate = curve.ags
        assert f"<!-- {estimate.mean:.3f} ± {estimate.high - estimate.mean:.3f} -->" in text
    assert in_order(text, "margin", "arcface")
    assert in_order(text, "all classes of each level", "galleries of 30 classes")
    alone = plot_ags(rows_of(SCORES[:1]), tmp_path / "alone.svg").read_text()
    assert "galleries" not in alone
    assert "±" not in alone


def test_recipes_without_all_levels_are_named_not_drawn(tmp_path, rows):
    lacking = rows_of([SCORES[0][:2]], recipe="triplet")
    text = plot_ags([*rows, *lacking], tmp_path / "ags.svg").read_text()
    assert "<!-- not on all levels by any seed: triplet -->" in text
    assert "<!-- triplet -->" not in text
    with pytest.raises(InputError, match="no recipe has a seed with recall@1 on all of its levels"):
        plot_ags(rows_of([[0.5]]), tmp_path / "none.svg")


def test_several_benchmarks_are_told_apart(tmp_path):
    rows = [*rows_of(SCORES), *rows_of(POOR, benchmark="cub200")]
    for plot in (plot_curves, plot_ags):
        text = plot(rows, tmp_path / f"{plot.__name__}.svg").read_text()
        assert in_order(text, "cub200", "glyphs")
        assert "<!-- margin -->" in text


def drawn(rows):
    figure = Figure()
    draw_curves(figure, curves_of(rows), "recall@1")
    return figure.axes[0]


def test_lines_go_through_the_means_and_bands_to_the_ends_of_the_intervals(rows):
    axes = drawn(rows)
    for curve, line, band in zip(reversed(curves_of(rows)), axes.lines, axes.collections, strict=False):
        assert line.get_label() == curve.recipe
        assert line.get_xdata() == pytest.approx(curve.fids)
        assert line.get_ydata() == pytest.approx(curve.mean)
        (outline,) = band.get_paths()
        for fid, estimate in zip(curve.fids, curve.at_levels, strict=True):
            heights = outline.vertices[outline.vertices[:, 0] == fid, 1]
            assert (heights.min(), heights.max()) == pytest.approx((estimate.low, estimate.high))


def test_one_seed_has_no_band_and_a_missing_level_is_a_gap():
    (band,) = drawn(rows_of(SCORES[:1])).collections
    assert not band.get_paths()
    axes = drawn([*rows_of(SCORES), *rows_of([[0.4, np.nan, 0.3]], recipe="arcface")])
    assert np.isnan(axes.lines[1].get_ydata()).tolist() == [False, True, False]


def test_eleven_recipes_have_markers_of_their_own_and_no_two_look_alike():
    rows = [made for number in range(11) for made in rows_of([np.array(SCORES[0]) - number / 20], recipe=f"r{number}")]
    lines = drawn(rows).lines[:11]
    assert len({line.get_marker() for line in lines}) == 11
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 11


@pytest.mark.parametrize("plot", [plot_curves, plot_ags])
def test_what_cannot_be_drawn(tmp_path, rows, plot):
    with pytest.raises(InputError, match="a picture ends in"):
        plot(rows, tmp_path / "x.jpeg")
    with pytest.raises(RunError, match=r"there is no results.jsonl"):
        plot(tmp_path, tmp_path / "x.png")
    with pytest.raises(InputError, match="none at all"):
        plot([], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
