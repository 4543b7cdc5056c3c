"""What all figures have in common: their style, their sizes for papers, and that files repeat."""

import re
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from oodml_bench.errors import InputError
from oodml_bench.evaluation import curves_of
from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of
from oodml_bench.reporting import figures, plot_ags, plot_curves, plot_few_shot, plot_fid, plot_umap
from oodml_bench.reporting.ags_bars import draw_ags
from oodml_bench.reporting.curves import draw_curves
from oodml_bench.reporting.few_shot import draw_few_shot
from oodml_bench.reporting.fid_progression import draw_levels_alone, draw_progression
from oodml_bench.reporting.saving import WIDTHS
from oodml_bench.reporting.umap_grid import MappedLevels, draw_grid
from oodml_bench.reporting.umap_panels import draw_panels
from oodml_bench.splits import load_benchmark

from ..evaluation.episodes import episode_rows
from ..evaluation.rows import rows_of
from ..splits.benchmarks import small_benchmark
from .drawn import drawn, random_embedding, texts_outside

GLYPHS = Path(__file__).parents[2] / "datasplits" / "glyphs_splits.pkl"
RECIPES = ("arcface", "diva", "margin", "multisimilarity", "proxyanchor", "rmargin", "s2sd", "uniformprior")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return small_benchmark(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture(scope="module")
def rows():
    """Give the results of eight recipes over three seeds, on three benchmarks, one with galleries of one size."""
    rng = np.random.default_rng(0)
    made = []
    for number, recipe in enumerate(RECIPES):
        scores = np.array([0.9, 0.8, 0.7]) - number / 50 + rng.normal(0, 0.004, size=(3, 3))
        made += rows_of(scores, recipe=recipe)
        made += rows_of(scores + 0.05, recipe=recipe, gallery_classes=30)
        made += rows_of(scores - 0.1, recipe=recipe, benchmark="cub200")
        made += rows_of(scores - 0.2, recipe=recipe, benchmark="sop")
    return made


@pytest.fixture
def plots(benchmark, rows, monkeypatch):
    """Give each figure as a function of the path and of options."""
    monkeypatch.setattr(figures, "umap_embedding", lambda *_, **__: random_embedding(_classes(benchmark)))
    features = "unread"
    monkeypatch.setattr(figures, "open_features", lambda path: path)
    return {
        "fid": partial(plot_fid, benchmark),
        "umap": partial(plot_umap, benchmark, features),
        "umap grid": partial(plot_umap, benchmark, features, also=[(benchmark, features)], points="samples"),
        "curves": partial(plot_curves, rows, relative=True),
        "ags": partial(plot_ags, rows),
        "few-shot": partial(plot_few_shot, episode_rows()),
    }


def _classes(benchmark):
    return benchmark.levels[1].train + benchmark.levels[1].test


FIGURES = ("fid", "umap", "umap grid", "curves", "ags", "few-shot")


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("size", WIDTHS)
def test_a_pdf_is_as_wide_as_told_and_has_its_fonts_inside_as_true_type(tmp_path, plots, name, size):
    content = plots[name](tmp_path / "x.pdf", size=size).read_bytes()
    (box,) = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", content)
    assert float(box[0]) == pytest.approx(72 * WIDTHS[size], abs=0.01)
    # A page of a paper has some nine inches for text.
    assert float(box[1]) < 72 * 9
    descriptors = re.findall(rb"/Type /FontDescriptor.*?>>", content, re.DOTALL)
    assert descriptors
    assert all(b"/FontFile2" in descriptor and b"DejaVuSans" in descriptor for descriptor in descriptors)
    assert b"/Type3" not in content


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_needs_no_font_and_repeats(tmp_path, plots, name):
    first, second = (plots[name](tmp_path / f"{number}.svg", size="column").read_bytes() for number in range(2))
    assert first == second
    assert b"<text" not in first


def test_pixels_are_as_fine_as_print_needs(tmp_path, plots):
    with Image.open(plots["fid"](tmp_path / "x.png", size="column")) as picture:
        assert picture.size[0] == 300 * 3.3
    with Image.open(plots["fid"](tmp_path / "y.png")) as picture:
        assert picture.size == (1440, 720)


def test_settings_of_the_user_change_nothing_and_are_left_as_they_were(tmp_path, plots):
    plain = plots["curves"](tmp_path / "plain.pdf").read_bytes()
    with mpl.rc_context({"font.family": "serif", "pdf.fonttype": 3, "axes.facecolor": "black", "font.size": 20}):
        before = dict(mpl.rcParams)
        assert plots["curves"](tmp_path / "styled.pdf").read_bytes() == plain
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", FIGURES)
def test_another_size(tmp_path, plots, name):
    with pytest.raises(InputError, match="has size column or page, or none, got 'poster'"):
        plots[name](tmp_path / "x.pdf", size="poster")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("width", [*WIDTHS.values(), None])
def test_no_text_leaves_a_figure(benchmark, rows, width):
    levels = {number: benchmark.levels[number] for number in (1, 3, 4)}
    embedding = random_embedding(_classes(benchmark))
    mapped = MappedLevels("cub200", levels, embedding)
    raw, controlled = curves_of(rows), curves_of(rows, fixed_gallery=True)
    few = few_shot_curves(gains_of([row for name in RECIPES[:4] for row in episode_rows(recipe=f"head-{name}")]))
    made = {
        "progression": drawn(draw_progression, benchmark, width),
        "many steps": drawn(draw_progression, load_benchmark(GLYPHS), width),
        "levels alone": drawn(draw_levels_alone, benchmark, width),
        "panels": drawn(draw_panels, "cub200", levels, embedding, "classes", width),
        "grid": drawn(draw_grid, [mapped, mapped], "samples", by_hardness=True, width=width),
        "curves": drawn(draw_curves, raw, "recall@1", relative=True, width=width),
        "one benchmark": drawn(draw_curves, controlled, "recall@1", relative=True, width=width),
        "ags": drawn(draw_ags, raw, controlled, "recall@1", width),
        "ags of one": drawn(draw_ags, controlled, [], "recall@1", width),
        "few-shot": drawn(draw_few_shot, few, "recall@1", width),
    }
    assert {name: found for name, figure in made.items() if (found := texts_outside(figure))} == {}
    if width is not None:
        assert {figure.get_figwidth() for figure in made.values()} == {width}
