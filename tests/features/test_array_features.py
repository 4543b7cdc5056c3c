from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from oodml_bench.errors import FeatureError
from oodml_bench.features.arrays import read_arrays

FEATURES = np.arange(6, dtype=np.float32).reshape(3, 2)
CLASSES = np.array(["a", "b", "b"])


def saved(tmp_path: Path, **arrays: object) -> Path:
    np.savez(tmp_path / "features.npz", **arrays)
    return tmp_path / "features.npz"


def test_reads_all_arrays(tmp_path: Path) -> None:
    names = np.array(["x", "y", "é z"])
    read = read_arrays(saved(tmp_path, features=FEATURES, classes=CLASSES, samples=names, superclasses=CLASSES))
    np.testing.assert_array_equal(read.features, FEATURES)
    assert read.classes == read.superclasses == ("a", "b", "b")
    assert read.samples == ("x", "y", "é z")


def test_integer_names_become_their_digits(tmp_path: Path) -> None:
    read = read_arrays(saved(tmp_path, features=FEATURES, classes=np.array([7, -1, 2**60])))
    assert read.classes == ("7", "-1", str(2**60))
    assert read.samples is read.superclasses is None


@pytest.mark.parametrize(
    ("given", "read"),
    [("f2", "f4"), (">f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("i4", "f8"), ("u1", "f8")],
)
def test_real_numbers_of_any_kind_are_read(tmp_path: Path, given: str, read: str) -> None:
    features = read_arrays(saved(tmp_path, features=FEATURES.astype(given), classes=CLASSES)).features
    assert features.dtype == np.dtype(read)
    np.testing.assert_array_equal(features, FEATURES)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"features": None}, "there is no array `features`"),
        ({"classes": None}, "there is no array `classes`"),
        ({"features": FEATURES[0]}, r"`features` has shape \(2,\)"),
        ({"features": FEATURES[:0]}, r"`features` has shape \(0, 2\)"),
        ({"features": FEATURES.astype(complex)}, "`features` has dtype complex128"),
        ({"features": FEATURES.astype(str)}, "`features` has dtype"),
        ({"classes": CLASSES[:2]}, r"`classes` has shape \(2,\) instead of \(3,\)"),
        ({"classes": CLASSES[:, None]}, r"`classes` has shape \(3, 1\)"),
        ({"classes": np.ones(3)}, "`classes` has dtype float64"),
        ({"classes": np.array([b"a", b"b", b"c"])}, "`classes` has dtype"),
        ({"samples": CLASSES[:1]}, r"`samples` has shape \(1,\)"),
        ({"superclasses": np.array([True] * 3)}, "`superclasses` has dtype bool"),
        ({"classes": np.array(["a", "\ud800", "c"])}, "`classes` holds text that is not valid Unicode"),
        ({"classes": CLASSES.astype(object)}, "the file cannot be read .*Python objects"),
    ],
)
def test_malformed_arrays_are_refused_with_what_is_allowed(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    arrays = {"features": FEATURES, "classes": CLASSES} | change
    path = saved(tmp_path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(FeatureError, match=f"features.npz: {reason}.*Allowed: an .npz file"):
        read_arrays(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused_by_row_and_class(tmp_path: Path, value: float) -> None:
    features = FEATURES.copy()
    features[2, 1] = value
    with pytest.raises(FeatureError, match="row 2, of class b, is not finite"):
        read_arrays(saved(tmp_path, features=features, classes=CLASSES))


class RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("ran-code"),))


@pytest.mark.parametrize("hostile", ["pickle", "object array"])
def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    monkeypatch.chdir(tmp_path)
    if hostile == "pickle":
        path = tmp_path / "features.npz"
        path.write_bytes(pickle.dumps(RunsCode()))
    else:
        path = saved(tmp_path, features=np.array([RunsCode()], dtype=object), classes=CLASSES)
    with pytest.raises(FeatureError, match="cannot be read"):
        read_arrays(path)
    assert not (tmp_path / "ran-code").exists()


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path, features=FEATURES, classes=CLASSES)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FeatureError, match="cannot be read"):
        read_arrays(path)


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "features.npz").open("wb") as file:
        np.save(file, FEATURES)
    with pytest.raises(FeatureError, match="a single array without a name"):
        read_arrays(tmp_path / "features.npz")
