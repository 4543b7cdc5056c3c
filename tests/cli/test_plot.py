"""`oodml-bench plot` by way of its command."""

import pytest
from click.testing import CliRunner
from PIL import Image

from oodml_bench.cli import main
from oodml_bench.evaluation import write_results
from oodml_bench.reporting import figures

from ..evaluation.episodes import episode_rows
from ..evaluation.rows import rows_of
from ..reporting.drawn import random_embedding
from ..splits.benchmarks import small_benchmark


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Give the paths of what figures are drawn of."""
    folder = tmp_path_factory.mktemp("benchmark")
    small_benchmark(folder).save(folder / "small_splits.pkl")
    rows = [*rows_of([[0.9, 0.8, 0.7]], recipe="high"), *rows_of([[0.7, 0.5, 0.55]], recipe="low"), *episode_rows()]
    write_results(folder / "results.jsonl", rows)
    return {
        "BENCHMARK": str(folder / "small_splits.pkl"),
        "FEATURES": str(folder / "small.npz"),
        "RUNS": str(folder / "results.jsonl"),
    }


def plotted(paths, out, *arguments):
    return CliRunner().invoke(main, ["plot", *(paths.get(each, each) for each in arguments), "--out", str(out)])


@pytest.mark.parametrize(
    "arguments",
    [
        ("fid", "BENCHMARK"),
        ("umap", "BENCHMARK", "FEATURES"),
        ("umap", "BENCHMARK", "FEATURES", "BENCHMARK", "FEATURES"),
        ("curves", "RUNS", "--relative"),
        ("ags", "RUNS"),
        ("fewshot", "RUNS"),
    ],
)
def test_size_is_that_of_a_column(tmp_path, paths, arguments, monkeypatch):
    # Fitting is slow, and not what is tested here.
    embedding = random_embedding([f"class {number:02}" for number in range(20)])
    monkeypatch.setattr(figures, "umap_embedding", lambda *_, **__: embedding)
    out = tmp_path / "out.png"
    done = plotted(paths, out, *arguments, "--size", "column")
    assert done.exit_code == 0, done.output
    with Image.open(out) as picture:
        assert picture.size[0] == 990


def test_a_benchmark_without_features_is_refused(tmp_path, paths):
    done = plotted(paths, tmp_path / "out.png", "umap", "BENCHMARK", "FEATURES", "BENCHMARK")
    assert done.exit_code == 2
    assert "has no features beside it" in done.output
    assert not (tmp_path / "out.png").exists()


def test_deviations_of_one_recipe_are_refused(tmp_path, paths):
    write_results(tmp_path / "one.jsonl", rows_of([[0.9, 0.8, 0.7]]))
    done = plotted(paths, tmp_path / "out.png", "curves", str(tmp_path / "one.jsonl"), "--relative")
    assert done.exit_code == 2
    assert "give two recipes or more" in done.output
