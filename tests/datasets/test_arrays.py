import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oodml_bench.datasets import dataset_from_arrays, open_dataset
from oodml_bench.errors import DatasetError

GREY = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
COLOUR = np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3)


def test_a_file_of_arrays_is_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.npz"
    np.savez(path, images=COLOUR, classes=["cat", "dog", "cat"], superclasses=["pet", "pet", "pet"], more=[1])
    dataset = open_dataset(f"arrays:{path}")
    assert dataset.name == "toy"
    assert dataset.samples == {"cat": ("0", "2"), "dog": ("1",)}
    assert dataset.superclasses == {"cat": "pet", "dog": "pet"}
    assert np.array_equal(np.asarray(dataset.images.open("2")), COLOUR[2])


def test_grey_pictures_open_in_rgb() -> None:
    opened = np.asarray(dataset_from_arrays("toy", GREY, [0, 1, 0]).images.open("1"))
    assert np.array_equal(opened, np.repeat(GREY[1][..., None], 3, axis=2))


def test_whole_numbers_are_class_names() -> None:
    assert dataset_from_arrays("toy", GREY, np.array([10, 9, 10])).classes == ("10", "9")


def test_sample_names_sort_by_number() -> None:
    dataset = dataset_from_arrays("toy", np.zeros((11, 2, 2), np.uint8), ["a"] * 11)
    assert dataset.samples["a"] == tuple(sorted(dataset.samples["a"]))
    assert dataset.samples["a"][:2] == ("00", "01")


def test_the_fingerprint_follows_pixels_shapes_and_classes() -> None:
    other = GREY.copy()
    other[2, 3, 4] += 1
    fingerprints = {
        dataset_from_arrays("toy", images, classes).fingerprint
        for images, classes in [
            (GREY, ["a", "b", "a"]),
            (other, ["a", "b", "a"]),
            (GREY.reshape(3, 5, 4), ["a", "b", "a"]),
            (GREY, ["a", "b", "b"]),
        ]
    }
    assert len(fingerprints) == 4


def test_the_source_can_be_pickled() -> None:
    images = dataset_from_arrays("toy", COLOUR, ["a", "b", "a"]).images
    assert pickle.loads(pickle.dumps(images)).digest("1") == images.digest("1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GREY.astype(float), ["a", "b", "a"]), "images are float64 of shape .* expected uint8"),
        ((GREY[0], ["a"]), r"of shape \(4, 5\)"),
        ((COLOUR[..., :2], ["a", "b", "a"]), r"of shape \(3, 4, 5, 2\)"),
        ((GREY, ["a", "b"]), r"classes are .* expected text or whole numbers of shape \(3,\)"),
        ((GREY, [0.5, 1.0, 2.0]), "classes are float64"),
        ((GREY, ["a", "b", "a"], ["x", "y"]), "superclasses are"),
        ((GREY, ["a", "b", "a"], ["x", "y", "z"]), "class 'a' has the superclasses 'x' and 'z'"),
        ((GREY[:0], np.array([], int)), "no class"),
    ],
)
def test_malformed_arrays_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        dataset_from_arrays("toy", *arguments)


class RunsWhenUnpickled:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("code in the file was run",))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn", pickle.dumps(RunsWhenUnpickled())])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"cannot read .*x.npz"):
        open_dataset(f"arrays:{tmp_path / 'x.npz'}")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=GREY, classes=np.array([RunsWhenUnpickled()] * 3, object))
    with pytest.raises(DatasetError, match=r"cannot read .*x.npz"):
        open_dataset(f"arrays:{tmp_path / 'x.npz'}")


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=GREY)
    with pytest.raises(DatasetError, match=r"lacks the array 'classes'"):
        open_dataset(f"arrays:{tmp_path / 'x.npz'}")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY)
    with pytest.raises(DatasetError, match=r"holds a single array"):
        open_dataset(f"arrays:{tmp_path / 'x.npy'}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*gone.npz"):
        open_dataset(f"arrays:{tmp_path / 'gone.npz'}")
