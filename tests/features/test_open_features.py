from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from oodml_bench.errors import FeatureError
from oodml_bench.features import class_means, feature_matrix, open_features
from oodml_bench.features.store_writing import Rows
from tests.features.feature_samples import write_store

FEATURES = np.random.default_rng(0).normal(size=(10_000, 3)).astype(np.float32)
CLASSES = [f"c{row // 7}" for row in range(10_000)]
SAMPLES = [f"{row}.png" for row in range(10_000)]
TOPS = [f"t{row // 70}" for row in range(10_000)]


def test_a_store_and_arrays_of_the_same_rows_give_the_same_batches(tmp_path: Path) -> None:
    write_store(tmp_path / "store", Rows(SAMPLES, CLASSES, TOPS, FEATURES), part_size=3000)
    np.savez(tmp_path / "flat.npz", features=FEATURES, classes=CLASSES, samples=SAMPLES, superclasses=TOPS)
    store, arrays = open_features(tmp_path / "store"), open_features(str(tmp_path / "flat.npz"))
    for features in (store, arrays):
        assert features.row_count == len(SAMPLES)
        batches = list(features.batches())
        assert [name for batch in batches for name in batch["sample"].to_pylist()] == SAMPLES
        assert [name for batch in batches for name in batch["class"].to_pylist()] == CLASSES
        assert [name for batch in batches for name in batch["superclass"].to_pylist()] == TOPS
        np.testing.assert_array_equal(np.concatenate([feature_matrix(batch) for batch in batches]), FEATURES)
    assert store.name == "given"
    assert arrays.name == "flat"
    assert set(store.specification) == {
        "backbone",
        "weights_id",
        "weights_sha256",
        "transform",
        "dimension",
        "precision",
    }
    assert arrays.specification == {"dimension": 3}
    assert (store.dataset_fingerprint, arrays.dataset_fingerprint) == ("f", None)
    assert class_means(store).sha256 == class_means(arrays).sha256


def test_arrays_without_samples_have_null_names_and_keep_float64(tmp_path: Path) -> None:
    np.savez(tmp_path / "means.npz", features=FEATURES[:3].astype(np.float64) / 3, classes=[1, 2, 3])
    (batch,) = open_features(tmp_path / "means.npz").batches()
    assert batch["sample"].null_count == batch["superclass"].null_count == 3
    assert batch["class"].to_pylist() == ["1", "2", "3"]
    np.testing.assert_array_equal(feature_matrix(batch), FEATURES[:3].astype(np.float64) / 3)


def test_batches_can_be_read_again(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=FEATURES, classes=CLASSES)
    features = open_features(tmp_path / "a.npz")
    assert [len(batch) for batch in features.batches()] == [len(batch) for batch in features.batches()]


def test_a_slice_of_a_batch_gives_its_own_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=FEATURES[:9], classes=CLASSES[:9])
    (batch,) = open_features(tmp_path / "a.npz").batches()
    np.testing.assert_array_equal(feature_matrix(batch.slice(4, 2)), FEATURES[4:6])
    assert feature_matrix(batch.slice(9)).shape == (0, 3)


def test_a_path_that_holds_no_features_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    write_store(tmp_path / "store", Rows(SAMPLES, CLASSES, TOPS, FEATURES), part_size=9000)
    for path, reason in (
        ("absent", "no such file or folder"),
        ("notes.txt", r"neither a feature store \(a folder\) nor array features \(an .npz file\)$"),
        ("store/meta.json", "Give the folder .*store"),
        (".", "is not a feature store"),
    ):
        with pytest.raises(FeatureError, match=reason):
            open_features(tmp_path / path)
