"""Figures."""

import pickle

import numpy as np
import pytest
from PIL import Image

from oodml_bench import plot_fid, plot_umap
from oodml_bench.errors import InputError, OutputExistsError, SplitError
from oodml_bench.features import open_features
from oodml_bench.reporting.embedding import umap_embedding
from oodml_bench.splits import load_benchmark

from ..splits.benchmarks import small_benchmark, write_arrays

SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.fixture
def benchmark(tmp_path):
    return small_benchmark(tmp_path)


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_fid_in_every_format(tmp_path, benchmark, suffix):
    out = plot_fid(benchmark, tmp_path / f"fid{suffix}")
    assert out.read_bytes().startswith(SIGNATURES[suffix])


def test_the_same_benchmark_gives_the_same_picture(tmp_path, benchmark):
    for suffix in SIGNATURES:
        first, second = (plot_fid(benchmark, tmp_path / f"{name}{suffix}") for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_fid_shows_every_level_and_direction(tmp_path, benchmark):
    text = plot_fid(benchmark, tmp_path / "fid.svg").read_text()
    for label in (
        "easier",
        "harder",
        "removal",
        "chosen level",
        "random splits (95 %)",
        "default split",
        "FID of train and test",
    ):
        assert f"<!-- {label} -->" in text
    for number in benchmark.levels:
        assert f"<!-- {number} -->" in text


def test_fid_of_a_pickle_alone(tmp_path, benchmark):
    pickle_path, json_path = benchmark.save(tmp_path / "x_splits.pkl")
    json_path.unlink()
    text = plot_fid(pickle_path, tmp_path / "fid.svg").read_text()
    assert "the file holds no progression" in text


@pytest.mark.parametrize("points", ["classes", "samples"])
def test_umap_draws_a_panel_a_level(tmp_path, benchmark, points):
    out = plot_umap(benchmark, tmp_path / "small.npz", tmp_path / "umap.svg", levels=(1, 3, 4), points=points)
    text = out.read_text()
    for number in (1, 3, 4):
        assert f"<!-- Level {number} · FID {benchmark.levels[number].fid:.1f} -->" in text
    assert "<!-- Level 2" not in text


def test_umap_shows_first_middle_and_last_unless_told(tmp_path, benchmark):
    text = plot_umap(benchmark, tmp_path / "small.npz", tmp_path / "umap.svg").read_text()
    assert [number for number in benchmark.levels if f"<!-- Level {number} " in text] == [1, 3, 4]


def test_umap_panels_are_not_blank(tmp_path, benchmark):
    out = plot_umap(benchmark, tmp_path / "small.npz", tmp_path / "umap.png")
    with Image.open(out) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # Below the legend, where only panels are.
    panels = pixels[len(pixels) // 2 :]
    coloured = panels.max(axis=2) - panels.min(axis=2) > 60
    assert coloured.sum() > 300


def test_the_embedding_is_the_same_for_the_same_seed(tmp_path):
    features = open_features(write_arrays(tmp_path / "x.npz"))
    first, second = (umap_embedding(features, "classes") for _ in range(2))
    assert first.classes == second.classes
    assert (first.positions == second.positions).all()


def test_few_classes_embed(tmp_path):
    features = open_features(write_arrays(tmp_path / "x.npz", count=4))
    assert umap_embedding(features, "classes").positions.shape == (4, 2)


@pytest.mark.parametrize("levels", [(9,), (1, 0), ()])
def test_levels_that_do_not_exist(tmp_path, benchmark, levels):
    with pytest.raises(SplitError, match="this benchmark has 1 to 4"):
        plot_umap(benchmark, tmp_path / "small.npz", tmp_path / "umap.png", levels=levels)


def test_features_of_other_classes(tmp_path, benchmark):
    other = write_arrays(tmp_path / "other.npz", names=["a", "b", "c", "d"])
    with pytest.raises(SplitError, match="the features lack 20 classes of level 1, among them 'class 00'"):
        plot_umap(benchmark, other, tmp_path / "umap.png")
    assert not (tmp_path / "umap.png").exists()


def test_other_picture_formats(tmp_path, benchmark):
    with pytest.raises(InputError, match=r"ends in \.png, \.pdf, \.svg"):
        plot_fid(benchmark, tmp_path / "fid.jpeg")


def test_an_existing_picture_stays_unless_told(tmp_path, benchmark):
    (tmp_path / "fid.png").write_text("mine")
    with pytest.raises(OutputExistsError, match="exists already"):
        plot_fid(benchmark, tmp_path / "fid.png")
    assert (tmp_path / "fid.png").read_text() == "mine"
    plot_fid(benchmark, tmp_path / "fid.png", overwrite=True)
    assert (tmp_path / "fid.png").read_bytes().startswith(b"\x89PNG")


def test_a_published_pickle_can_be_drawn(tmp_path):
    level = {"train": ["a"], "test": ["b"], "fid": 8.6, "split_train": [], "split_val": [], "test_episodes": {}}
    (tmp_path / "cars196_splits.pkl").write_bytes(pickle.dumps({1: level, 2: level | {"fid": 14.3}}))
    assert load_benchmark(tmp_path / "cars196_splits.pkl").walks == ()
    assert plot_fid(tmp_path / "cars196_splits.pkl", tmp_path / "fid.pdf").exists()
