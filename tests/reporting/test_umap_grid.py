"""The grid of UMAP embeddings."""

import numpy as np
import pytest

from oodml_bench.reporting import figures, plot_umap
from oodml_bench.reporting.palette import BLUE, VERMILLION
from oodml_bench.reporting.umap_grid import MappedLevels, draw_grid
from oodml_bench.splits import Level

from ..splits.benchmarks import small_benchmark, write_arrays
from .drawn import drawn, random_embedding

CLASSES = ("a", "b", "c", "d", "e", "f")


def mapped(name, *levels, seed=0):
    numbered = {number: Level(train, test, fid=10.0 * number) for number, (train, test) in enumerate(levels, 1)}
    return MappedLevels(name, numbered, random_embedding(CLASSES, seed))


EASY, MEDIUM, HARD = (("a", "b", "c"), ("d", "e", "f")), (("a", "c", "e"), ("b", "d", "f")), (("a",), ("f",))


def grid(*benchmarks, **options):
    axes = drawn(draw_grid, benchmarks, "classes", **({"by_hardness": True} | options)).axes
    return [each for each in axes if each.get_visible()]


def test_a_row_is_a_benchmark_and_a_column_a_level():
    panels = grid(mapped("cub200", EASY, MEDIUM, HARD), mapped("sop", HARD, MEDIUM, EASY))
    assert [panel.get_ylabel() for panel in panels] == ["cub200", "", "", "sop", "", ""]
    levels = [f"Level {number} · FID {10 * number}.0" for number in (1, 2, 3)]
    hardness = [f"{name}\n{level}" for name, level in zip(("easy", "medium", "hard"), levels, strict=True)]
    assert [panel.get_title() for panel in panels] == hardness + levels


def test_points_are_where_the_embedding_has_the_classes_of_a_side():
    benchmarks = (mapped("cub200", EASY, MEDIUM, HARD), mapped("sop", MEDIUM, HARD, EASY, seed=1))
    panels = iter(grid(*benchmarks))
    for benchmark in benchmarks:
        for level in benchmark.levels.values():
            axes = next(panels)
            points = {points.get_label(): points for points in axes.collections}
            assert ("unused classes" in points) == (len(level.train) == 1)
            for side, names, colour in (("train", level.train, BLUE), ("test", level.test, VERMILLION)):
                chosen = [place for place, name in enumerate(benchmark.embedding.classes) if name in names]
                shown = points[f"{side} classes"]
                assert np.asarray(shown.get_offsets()) == pytest.approx(benchmark.embedding.positions[chosen])
                assert shown.get_facecolor()[0, :3] == pytest.approx(
                    [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
                )


def test_levels_that_were_chosen_are_not_called_easy_or_hard():
    panels = grid(mapped("cub200", EASY, MEDIUM, HARD), by_hardness=False)
    assert [panel.get_title().split()[0] for panel in panels] == ["Level"] * 3


def test_a_benchmark_of_fewer_levels_has_fewer_panels():
    panels = grid(mapped("cub200", EASY, MEDIUM, HARD), mapped("sop", EASY, HARD))
    assert len(panels) == 5
    assert not any("easy" in panel.get_title() for panel in panels)


def test_each_benchmark_has_an_embedding_of_its_own_features(tmp_path, monkeypatch):
    seen = []

    def embedding(features, points, **_):
        seen.append((features.specification["dimension"], points))
        return random_embedding([f"class {number:02}" for number in range(20)])

    monkeypatch.setattr(figures, "umap_embedding", embedding)
    benchmark = small_benchmark(tmp_path)
    also = write_arrays(tmp_path / "also.npz", dimension=9)
    out = plot_umap(
        benchmark, tmp_path / "small.npz", tmp_path / "grid.svg", also=[(benchmark, also)], points="samples"
    )
    assert seen == [(6, "samples"), (9, "samples")]
    text = out.read_text()
    assert text.count("<!-- small -->") == 2
    assert "<!-- easy" in text
