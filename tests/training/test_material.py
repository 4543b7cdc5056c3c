from __future__ import annotations

from pathlib import Path

import pytest

from oodml_bench.datasets import Dataset
from oodml_bench.errors import BenchmarkFileError, DatasetError, FeatureError
from oodml_bench.features import Features
from oodml_bench.features.store_writing import Rows
from oodml_bench.splits import load_benchmark
from oodml_bench.training.material import Material
from tests.features.feature_samples import write_store
from tests.splits.benchmarks import small_benchmark
from tests.training.training_samples import picture_benchmark, written_picture_material


def test_material_is_opened_by_what_commands_are_given(tmp_path: Path, features: Material) -> None:
    pictures = written_picture_material(tmp_path)
    assert isinstance(pictures.data, Dataset)
    assert pictures.benchmark_file == str(tmp_path / "pictures_splits.json")
    assert pictures.data_spec == f"arrays:{tmp_path / 'pictures.npz'}"
    benchmark = small_benchmark(tmp_path)
    arrays = Material.open(benchmark, tmp_path / "small.npz")
    assert isinstance(arrays.data, Features)
    assert (arrays.benchmark_file, arrays.data_spec) == (None, str(tmp_path / "small.npz"))
    names = [name for name in features.samples.rows_of for _ in features.samples.rows_of[name]]
    rows = Rows(list(features.samples.names), names, [None] * len(names), features.feature_rows)
    write_store(tmp_path / "store", rows, part_size=50)
    store = Material.open(benchmark, str(tmp_path / "store"))
    assert (store.feature_rows == features.feature_rows).all()
    assert store.feature_digest == features.feature_digest


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFileError):
        Material.open(tmp_path / "no_splits.pkl", "glyphs:4")
    with pytest.raises(DatasetError, match="unknown dataset"):
        Material.open(picture_benchmark(), tmp_path / "features")
    with pytest.raises(FeatureError):
        Material.open(picture_benchmark(), tmp_path / "none.npz")
    for name in ("a:b.npz", r"C:\features\f.npz"):
        with pytest.raises(FeatureError, match="there are no features at"):
            Material.open(picture_benchmark(), name)
    (tmp_path / "photos").mkdir()
    with pytest.raises(DatasetError, match="write folder:"):
        Material.open(picture_benchmark(), tmp_path / "photos")


def test_a_benchmark_has_one_digest_whichever_of_its_files_is_read(tmp_path: Path, features: Material) -> None:
    pickled, json = features.benchmark.save(tmp_path / "b_splits.pkl")
    with_json = Material.open(pickled, features.data).benchmark_digest
    assert Material.open(json, features.data).benchmark_digest == with_json == features.benchmark_digest
    json.unlink()
    assert load_benchmark(pickled).provenance is None
    assert Material.open(pickled, features.data).benchmark_digest == with_json


def test_pictures_have_no_features(pictures: Material) -> None:
    with pytest.raises(DatasetError, match="not features"):
        _ = pictures.feature_rows
