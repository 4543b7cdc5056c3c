"""The figure of few-shot gains."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from oodml_bench.errors import InputError, OutputExistsError, RunError
from oodml_bench.evaluation import write_results
from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of
from oodml_bench.reporting import plot_few_shot
from oodml_bench.reporting.few_shot import draw_few_shot
from oodml_bench.reporting.palette import BLUE, ORANGE

from ..evaluation.episodes import AFTER, BEFORE, adapted, episode_rows
from ..evaluation.rows import FIDS


def drawn(rows):
    """Draw, and give the axes of the scores and those of the gains, both in the order of the panels' rows."""
    figure = Figure(layout="constrained")
    draw_few_shot(figure, few_shot_curves(gains_of(rows)), "recall@1")
    figure.draw_without_rendering()
    visible = [axes for axes in figure.axes if axes.get_visible()]
    places = {axes: axes.get_subplotspec() for axes in visible}
    visible.sort(key=lambda axes: (places[axes].rowspan.start, places[axes].colspan.start))
    twins = [axes for axes in visible if axes.yaxis.get_label_position() == "right"]
    return [axes for axes in visible if axes not in twins], twins


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found.get_xdata(), found.get_ydata()


def labels(axes):
    return [line.get_label() for line in axes.lines]


def test_lines_go_through_the_means_and_bands_to_the_ends_of_the_intervals():
    rows = episode_rows()
    (curve,) = few_shot_curves(gains_of(rows))
    ((axes,), _) = drawn(rows)
    few, zero = axes.lines
    assert (few.get_color(), zero.get_color()) == (BLUE, ORANGE)
    for shown, band, estimates in zip((few, zero), axes.collections[::2], (curve.after, curve.before), strict=True):
        assert shown.get_xdata() == pytest.approx(FIDS)
        assert shown.get_ydata() == pytest.approx([estimate.mean for estimate in estimates])
        (outline,) = band.get_paths()
        for fid, estimate in zip(FIDS, estimates, strict=True):
            heights = outline.vertices[outline.vertices[:, 0] == fid, 1]
            assert (heights.min(), heights.max()) == pytest.approx((estimate.low, estimate.high))


def test_gains_are_in_per_cent_with_the_line_of_least_squares():
    before = np.full((1, 3, 2), 0.5)
    after = before * (1 + np.array([0.02, 0.03, 0.10]).reshape(1, 3, 1))
    (_, (axes,)) = drawn(episode_rows(before, after))
    fids, gains = line(axes, "relative gain (right axis)")
    assert gains == pytest.approx([2, 3, 10])
    ends, fitted = line(axes, "linear fit")
    assert ends == pytest.approx(FIDS)
    residuals = gains - fitted
    # What makes a straight line that of least squares.
    assert residuals.sum() == pytest.approx(0, abs=1e-9)
    assert residuals @ fids == pytest.approx(0, abs=1e-9)
    assert np.diff(fitted) / np.diff(fids) == pytest.approx([np.ptp(fitted) / np.ptp(fids)] * 2)


@pytest.mark.parametrize("levels", [1, 2])
def test_no_line_is_fitted_to_fewer_than_three_levels(levels):
    ((scores,), (gains,)) = drawn(episode_rows(BEFORE[:, :levels], AFTER[:, :levels]))
    assert len(scores.lines) == 2
    assert "linear fit" not in labels(gains)
    assert len(line(gains, "relative gain (right axis)")[1]) == levels


def test_a_level_without_neighbours_has_a_bar_in_place_of_a_band():
    rows = episode_rows(BEFORE[:1, :1], AFTER[:1, :1])
    (gain,) = gains_of(rows)
    ((axes,), _) = drawn(rows)
    for bar, estimate in zip(axes.collections[1::2], (gain.after_estimate, gain.before_estimate), strict=True):
        (segment,) = bar.get_segments()
        assert segment.ravel() == pytest.approx([FIDS[0], estimate.low, FIDS[0], estimate.high])


def test_a_missing_level_is_a_gap_and_a_missing_run_is_said():
    lacking = [row for row in episode_rows(recipe="arcface") if row.level != 2]
    scores, gains = drawn([*lacking, *episode_rows(), *episode_rows(shots=5)])
    assert np.isnan(line(scores[0], "few-shot: adapted")[1]).tolist() == [False, True, False]
    assert np.isfinite(line(scores[1], "few-shot: adapted")[1]).all()
    assert "linear fit" not in labels(gains[0])
    assert (len(scores[2].lines), [text.get_text() for text in scores[2].texts]) == (0, ["not adapted"])
    assert not any(axes.texts for axes in (scores[0], scores[1], scores[3]))


def test_without_a_relative_gain_there_is_no_dot():
    (_, (gains,)) = drawn(episode_rows(np.zeros((1, 3, 2)), AFTER[:1]))
    assert np.isnan(line(gains, "relative gain (right axis)")[1]).all()


@pytest.mark.parametrize(("recipes", "rows", "columns"), [(1, 1, 1), (4, 1, 4), (5, 2, 3), (8, 2, 4), (13, 4, 4)])
def test_panels(recipes, rows, columns):
    names = [f"r{number:02}" for number in range(recipes)]
    scores, gains = drawn([row for name in names for shots in (2, 5) for row in episode_rows(recipe=name, shots=shots)])
    assert len(scores) == len(gains) == 2 * recipes
    grid = scores[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (2 * rows, columns)
    titles = [axes.get_title() for axes in scores if axes.get_title()]
    assert titles == names
    lefts = [axes.get_ylabel() for axes in scores if axes.get_ylabel()]
    assert lefts == ["2 shots\nRecall@1", "5 shots\nRecall@1"] * rows
    assert [axes.get_ylabel() for axes in gains if axes.get_ylabel()] == ["gain (%)"] * 2 * rows
    # The lowest panel of each column tells the FIDs.
    told = [axes for axes in scores if axes.xaxis.get_tick_params()["labelbottom"]]
    assert len({axes.get_subplotspec().colspan.start for axes in told}) == len(told) == columns


def test_panels_can_be_compared():
    high = episode_rows(BEFORE + 0.3, AFTER + 0.2, recipe="high", shots=5)
    scores, gains = drawn([*episode_rows(), *episode_rows(shots=5), *high])
    for axes in (scores, gains):
        assert len({panel.get_ylim() for panel in axes}) == 1
    assert len({panel.get_xlim() for panel in scores}) == 1


def test_scores_and_gains_do_not_cross():
    scores, gains = drawn([*episode_rows(), *episode_rows(BEFORE, BEFORE - 0.1, recipe="worse")])
    for above, below in zip(scores, gains, strict=True):
        lowest = min(axes_share(above, height) for line in above.lines for height in line.get_ydata())
        gained = line(below, "relative gain (right axis)")[1]
        assert lowest > max(axes_share(below, height) for height in (0, *gained))
        assert min(axes_share(below, height) for height in (0, *gained)) > 0


def axes_share(axes, height):
    low, high = axes.get_ylim()
    return (height - low) / (high - low)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (episode_rows(), "adapted by margin; bands: 95 % t-intervals over 2 seeds, each the mean of its episodes"),
        (episode_rows(BEFORE[:1], AFTER[:1]), "bands: 95 % t-intervals over the 2 episodes of one seed"),
        (episode_rows(BEFORE[:1, :, :1], AFTER[:1, :, :1]), "one episode of one seed: no interval"),
        (
            [*episode_rows(), *episode_rows(BEFORE[:1], AFTER[:1], recipe="arcface")],
            "2 seeds, each the mean of its episodes, or over the 2 episodes of a single seed",
        ),
    ],
)
def test_what_the_bands_are_is_said(rows, note):
    figure = Figure(layout="constrained")
    draw_few_shot(figure, few_shot_curves(gains_of(rows)), "recall@1")
    (legend,) = figure.legends
    assert note in legend.get_title().get_text().replace("\n", " ")
    assert [text.get_text() for text in legend.get_texts()] == [
        "few-shot: adapted", "zero-shot: as trained", "relative gain (right axis)", "linear fit",
    ]  # fmt: skip


def test_several_benchmarks_are_told_apart():
    scores, _ = drawn([*episode_rows(), *episode_rows(benchmark="cub200")])
    assert [axes.get_title() for axes in scores] == ["margin (cub200)", "margin (glyphs)"]


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
def test_the_same_results_give_the_same_picture(tmp_path, suffix):
    rows = [*episode_rows(), *episode_rows(recipe="arcface", shots=5)]
    first = plot_few_shot(rows, tmp_path / f"a{suffix}")
    second = plot_few_shot(list(reversed(rows)), tmp_path / f"b{suffix}")
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(OutputExistsError):
        plot_few_shot(rows, first)
    assert plot_few_shot(rows, first, shots=[2], overwrite=True).read_bytes() != second.read_bytes()


def test_a_folder_of_runs_gives_what_its_rows_give(tmp_path):
    rows = episode_rows()
    write_results(tmp_path / "runs" / "first" / "results.jsonl", rows[:12])
    write_results(tmp_path / "runs" / "second" / "results.jsonl", rows[12:])
    of_folder = plot_few_shot(str(tmp_path / "runs"), tmp_path / "a.svg")
    assert of_folder.read_bytes() == plot_few_shot(rows, tmp_path / "b.svg").read_bytes()


def test_choices(tmp_path):
    rows = [
        *episode_rows(),
        *adapted(episode_rows(adaptation="class_means")),
        *episode_rows(metric="map@r", weights="last", gallery_classes=30),
    ]
    with pytest.raises(InputError, match="one adaptation, and there are class_means, margin"):
        plot_few_shot(rows, tmp_path / "x.svg")
    text = plot_few_shot(rows, tmp_path / "x.svg", adaptation="class_means").read_text()
    assert "adapted by class_means" in text
    text = plot_few_shot(rows, tmp_path / "y.svg", metric="map@r", weights="last", fixed_gallery=True).read_text()
    assert "galleries of 30 classes" in text
    assert "<!-- MAP@R -->" in text


def test_what_cannot_be_drawn(tmp_path):
    rows = episode_rows()
    with pytest.raises(InputError, match="a picture ends in"):
        plot_few_shot(rows, tmp_path / "x.jpeg")
    with pytest.raises(RunError, match=r"there is no results.jsonl"):
        plot_few_shot(tmp_path, tmp_path / "x.png")
    with pytest.raises(InputError, match="No run was adapted"):
        plot_few_shot([row for row in rows if row.adaptation is None], tmp_path / "x.png")
    with pytest.raises(RunError, match="told twice"):
        plot_few_shot([*rows, replace(rows[0], value=0.9)], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
