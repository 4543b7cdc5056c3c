import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from oodml_bench.datasets import open_dataset
from oodml_bench.errors import DatasetError, DownloadError, MissingExtraError

Tree = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the hub give a dataset that was made in memory."""

    def give(columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        monkeypatch.setattr(datasets, "load_dataset", lambda _: datasets.DatasetDict(train=table))

    return give


def test_a_folder_of_images_is_read_with_all_its_splits(tree: Tree) -> None:
    root = tree("train/cat/1.png", "train/Hündin/1.png", "test/cat/2.png", "test/Hündin/2.png")
    dataset = open_dataset(f"hf:{root}")
    assert dataset.name == "pictures"
    assert {name: len(samples) for name, samples in dataset.samples.items()} == {"cat": 2, "Hündin": 2}
    assert not dataset.notes
    shades = {dataset.images.open(sample).getpixel((0, 0)) for sample in dataset.samples["cat"]}
    assert shades == {(0, 0, 100), (18, 9, 100)}
    assert len(dataset.fingerprint) == 64


def test_the_source_can_be_pickled(tree: Tree) -> None:
    images = open_dataset(f"hf:{tree('cat/1.png', 'dog/1.png')}").images
    assert pickle.loads(pickle.dumps(images)).digest("1") == images.digest("1")


def test_the_finest_label_is_the_class_and_hidden_labels_are_left_out(loads: Callable[..., None]) -> None:
    loads(
        {
            "coarse": [0, 0, 1, 1],
            "img": [Image.new("L", (2, 2), shade) for shade in range(4)],
            "fine": [2, 0, -1, None],
        },
        {
            "coarse": datasets.ClassLabel(names=["x", "y"]),
            "img": datasets.Image(),
            "fine": datasets.ClassLabel(names=["a", "b", "c"]),
        },
    )
    dataset = open_dataset("hf:someone/things")
    assert dataset.name == "things"
    assert dataset.samples == {"a": ("1",), "c": ("0",)}
    assert dataset.notes == ("2 images without a label were left out.",)


def test_a_broken_picture_is_an_os_error(loads: Callable[..., None]) -> None:
    loads(
        {"image": [{"bytes": b"torn", "path": None}], "label": [0]},
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a"])},
    )
    with pytest.raises(OSError, match=r"number 0"):
        open_dataset("hf:torn").images.open("0")


def test_a_dataset_without_images_is_refused(loads: Callable[..., None]) -> None:
    loads({"text": ["x"], "label": [0]}, {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["a"])})
    with pytest.raises(DatasetError, match=r"'texts' has no image column among text, label"):
        open_dataset("hf:texts")


def test_a_dataset_without_classes_is_refused(loads: Callable[..., None]) -> None:
    loads({"image": [Image.new("L", (2, 2))]}, {"image": datasets.Image()})
    with pytest.raises(DatasetError, match=r"no class label column among image"):
        open_dataset("hf:pictures")


def test_offline_the_error_says_what_to_try() -> None:
    with pytest.raises(DownloadError, match=r"'nobody/nothing'.*HF_HUB_OFFLINE.*HF_HOME.*hf:PATH"):
        open_dataset("hf:nobody/nothing")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"cannot load .*empty"):
        open_dataset(f"hf:{tmp_path / 'empty'}")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'oodml-bench\[hf\]'"):
        open_dataset("hf:beans")
