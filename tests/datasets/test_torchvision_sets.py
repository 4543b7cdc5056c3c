import gzip
import json
import pickle
import struct
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.errors import DatasetError, DownloadError

Tree = Callable[..., Path]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def write_idx(folder: Path, prefix: str, images: np.ndarray, labels: list[int]) -> None:
    """Write pictures and labels in MNIST's format."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, *images.shape) + images.tobytes())
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, len(labels)) + bytes(labels))


@pytest.fixture
def digits(tmp_path: Path) -> tuple[Path, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    write_idx(tmp_path / "MNIST" / "raw", "train", images[:3], [7, 0, 7])
    write_idx(tmp_path / "MNIST" / "raw", "t10k", images[3:], [0, 3])
    return tmp_path, images


def test_train_and_test_are_together(digits: tuple[Path, np.ndarray]) -> None:
    root, images = digits
    dataset = open_dataset(f"torchvision:MNIST:{root}")
    assert dataset.name == "mnist"
    assert dataset.samples == {"0 - zero": ("1", "3"), "3 - three": ("4",), "7 - seven": ("0", "2")}
    for index, image in enumerate(images):
        assert np.array_equal(np.asarray(dataset.images.open(str(index)))[..., 0], image)


def test_the_source_can_be_pickled(digits: tuple[Path, np.ndarray]) -> None:
    images = open_dataset(f"torchvision:MNIST:{digits[0]}").images
    assert pickle.loads(pickle.dumps(images)).digest("4") == images.digest("4")


def test_a_truncated_file_is_refused(digits: tuple[Path, np.ndarray]) -> None:
    labels = digits[0] / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(DownloadError, match=r"can be neither read from .* nor downloaded"):
        open_dataset(f"torchvision:MNIST:{digits[0]}")


def test_emnist_has_its_own_split_names(tmp_path: Path) -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    for part in ("train", "test"):
        write_idx(tmp_path / "EMNIST" / "raw", f"emnist-byclass-{part}", images, [10, 61])
    assert set(open_dataset(f"torchvision:EMNIST:{tmp_path}").samples) == {"A", "z"}


def test_labels_that_qmnist_keeps_in_rows_are_read_from_its_items(tmp_path: Path) -> None:
    raw = tmp_path / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 2), ("test", 1)):
        labels = np.zeros((count, 8), ">i4")
        labels[:, 0] = np.arange(count) + 5
        (raw / f"qmnist-{part}-labels-idx2-int").write_bytes(struct.pack(">3i", 0xC02, count, 8) + labels.tobytes())
        pictures = struct.pack(">4i", 0x803, count, 28, 28) + bytes(count * 28 * 28)
        (raw / f"qmnist-{part}-images-idx3-ubyte").write_bytes(pictures)
        for kind in ("labels-idx2-int", "images-idx3-ubyte"):
            (raw / f"qmnist-{part}-{kind}.gz").write_bytes(gzip.compress(b""))
    # torchvision cuts the real test part of 60,000 in halves; an empty half is a part without pictures.
    assert set(open_dataset(f"torchvision:QMNIST:{tmp_path}").samples) == {"5 - five", "6 - six"}


def test_a_dataset_without_splits_is_read_as_it_is(tree: Tree) -> None:
    root = tree("eurosat/2750/Forest/1.jpg", "eurosat/2750/Sea Lake/1.jpg", "eurosat/2750/Forest/2.jpg")
    dataset = open_dataset(f"torchvision:EuroSAT:{root}")
    assert dataset.samples == {"Forest": ("0", "1"), "Sea Lake": ("2",)}


def test_labels_are_class_names_where_there_are_none(tree: Tree) -> None:
    root = tree(
        "gtsrb/GTSRB/Training/00000/1.ppm", "gtsrb/GTSRB/Training/00001/1.ppm", "gtsrb/GTSRB/Final_Test/Images/2.ppm"
    )
    (root / "gtsrb" / "GT-final_test.csv").write_text("Filename;ClassId\n2.ppm;1\n")
    dataset = open_dataset(f"torchvision:GTSRB:{root}")
    assert dataset.samples == {"0": ("0",), "1": ("1", "2")}


def test_all_splits_that_it_accepts_are_together(tree: Tree) -> None:
    root = tree("dtd/dtd/images/dots/1.jpg", "dtd/dtd/images/dots/2.jpg", "dtd/dtd/images/lines/1.jpg")
    (root / "dtd" / "dtd" / "labels").mkdir()
    for split, path in (("train", "dots/1.jpg"), ("val", "dots/2.jpg"), ("test", "lines/1.jpg")):
        (root / "dtd" / "dtd" / "labels" / f"{split}1.txt").write_text(f"{path}\n")
    dataset = open_dataset(f"torchvision:DTD:{root}")
    assert sum(map(len, dataset.samples.values())) == 3


def test_food101_uses_its_own_names(tree: Tree) -> None:
    root = tree("food-101/images/pie/1.jpg", "food-101/images/soup/1.jpg", "food-101/images/pie/2.jpg")
    (root / "food-101" / "meta").mkdir()
    for split, content in (("train", {"pie": ["pie/1"], "soup": ["soup/1"]}), ("test", {"pie": ["pie/2"], "soup": []})):
        (root / "food-101" / "meta" / f"{split}.json").write_text(json.dumps(content))
    assert open_dataset(f"torchvision:Food101:{root}").samples == {"pie": ("0", "2"), "soup": ("1",)}


def test_synonyms_are_joined_and_shared_names_told_apart() -> None:
    from oodml_bench.datasets.torchvision_sets import _named

    class Part:
        classes = (("tench", "Tinca tinca"), ("crane",), ("crane",))

    assert _named(Part(), [0, 1, 2, 3]) == ["tench, Tinca tinca", "crane (1)", "crane (2)", "3"]


def test_a_broken_picture_is_an_os_error_when_it_is_opened(tree: Tree) -> None:
    root = tree(*(f"eurosat/2750/Forest/{number}.jpg" for number in range(3)))
    (root / "eurosat" / "2750" / "Forest" / "1.jpg").write_bytes(b"torn")
    dataset = open_dataset(f"torchvision:EuroSAT:{root}")
    with pytest.raises(OSError, match=r"number 1"):
        dataset.images.open("1")


@pytest.mark.parametrize("name", ["MNIST", "EuroSAT", "Flowers102", "OxfordIIITPet"])
def test_offline_the_error_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"{name} can be neither read from .* nor downloaded: .*by hand"):
        open_dataset(f"torchvision:{name}:{tmp_path}")


def test_without_a_download_the_error_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"ImageNet can be neither read from .*ILSVRC2012_devkit_t12.tar.gz"):
        open_dataset(f"torchvision:ImageNet:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CIFAR1O0", "no dataset 'CIFAR1O0'. Did you mean CIFAR10 or CIFAR100"),
        ("mnist", "Did you mean MNIST"),
        ("zzzzzz", "no dataset 'zzzzzz'. Its documentation lists them"),
        ("CocoDetection", "cannot be read from a folder alone: .*annFile"),
    ],
)
def test_an_unusable_name_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(f"torchvision:{name}:{tmp_path}")


def write_flying_chairs(root: Path, split: str) -> None:
    """Write optical flow: two pairs of pictures, each with the motion between them."""
    data = root / "FlyingChairs" / "data"
    data.mkdir(parents=True)
    for scene in ("00001", "00002"):
        for number in (1, 2):
            (data / f"{scene}_img{number}.ppm").write_bytes(b"P6 1 1 255\n" + bytes(3))
        (data / f"{scene}_flow.flo").write_bytes(b"PIEH" + struct.pack("<2i2f", 1, 1, 0, 0))
    (root / "FlyingChairs" / "FlyingChairs_train_val.txt").write_text(split)


def test_a_dataset_without_one_label_a_picture_is_refused(tmp_path: Path) -> None:
    write_flying_chairs(tmp_path, split="1\n2\n")
    with pytest.raises(DatasetError, match=r"FlyingChairs is not a classification dataset"):
        open_dataset(f"torchvision:FlyingChairs:{tmp_path}")


def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    write_flying_chairs(tmp_path, split="1\nnone\n")
    with pytest.raises(DatasetError, match=r"FlyingChairs in .* is damaged"):
        open_dataset(f"torchvision:FlyingChairs:{tmp_path}")
