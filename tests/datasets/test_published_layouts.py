"""CUB200, CARS196 and Stanford Online Products."""

from collections.abc import Callable
from pathlib import Path

import pytest

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError

Tree = Callable[..., Path]


def test_cub200_halves_are_by_number(tree: Tree) -> None:
    # By name 10 sorts before 2.
    root = tree(*(f"images/{name}/x.jpg" for name in ("1.Auk", "2.Tit", "10.Emu", "11.Owl")), "images/1.Auk/._x.jpg")
    dataset = open_dataset(f"cub200:{root}")
    assert dataset.name == "cub200"
    assert dataset.default_halves == (("1.Auk", "2.Tit"), ("10.Emu", "11.Owl"))
    assert dataset.samples["1.Auk"] == ("images/1.Auk/x.jpg",)
    assert name_in_class("1.Auk", "images/1.Auk/x.jpg") == "x.jpg"
    assert dataset.images.open("images/1.Auk/x.jpg").mode == "RGB"


def test_cub200_refuses_classes_without_a_number(tree: Tree) -> None:
    with pytest.raises(DatasetError, match=r"'Auk' has no number. Expected layout: PATH/images/001"):
        open_dataset(f"cub200:{tree('images/Auk/x.jpg')}")


def test_cars196_halves_are_by_name(tree: Tree) -> None:
    root = tree("images/BMW X6 SUV 2012/1.jpg", "images/Acura TL 2012/1.jpg", "images/._Acura/1.jpg", "images/Z4/1.jpg")
    dataset = open_dataset(f"cars196:{root}")
    assert dataset.default_halves == (("Acura TL 2012",), ("BMW X6 SUV 2012", "Z4"))


@pytest.mark.parametrize("reader", ["cub200", "cars196"])
def test_the_missing_folder_is_named(reader: str, tree: Tree) -> None:
    with pytest.raises(
        DatasetError, match=rf"{reader}: the folder .*pictures/images is missing. Expected layout: PATH/"
    ):
        open_dataset(f"{reader}:{tree('1.Auk/x.jpg')}")


@pytest.mark.parametrize("reader", ["cub200", "cars196"])
def test_an_empty_folder_is_refused(reader: str, tree: Tree) -> None:
    root = tree()
    (root / "images").mkdir()
    with pytest.raises(DatasetError, match=r"no class folder in"):
        open_dataset(f"{reader}:{root}")


HEADER = "image_id class_id super_class_id path\n"
TRAIN = "1 1 1 bicycle_final/111_0.JPG\n2 1 1 bicycle_final/111_1.JPG\n3 2 2 chair_final/222_0.JPG\n"
TEST = "4 3 1 bicycle_final/333_0.JPG\n"


@pytest.fixture
def products(tree: Tree) -> Callable[..., Dataset]:
    """Read a small SOP whose lists may be replaced."""

    def make(train: str = HEADER + TRAIN, test: str = HEADER + TEST) -> Dataset:
        root = tree(
            "images/bicycle_final/111_0.JPG",
            "images/bicycle_final/111_1.jpg",
            "images/bicycle_final/._111_1.jpg",
            "images/bicycle_final/333_0.JPG",
            "images/bicycle_final/999_0.JPG",
            "images/chair_final/222_0.jpg",
        )
        (root / "Info_Files").mkdir()
        (root / "Info_Files" / "Ebay_train.txt").write_text(train)
        (root / "Info_Files" / "Ebay_test.txt").write_text(test)
        return open_dataset(f"sop:{root}")

    return make


def test_sop_holds_what_its_lists_name(products: Callable[..., Dataset]) -> None:
    dataset = products()
    assert dataset.samples == {
        "111": ("images/bicycle_final/111_0.JPG", "images/bicycle_final/111_1.jpg"),
        "222": ("images/chair_final/222_0.jpg",),
        "333": ("images/bicycle_final/333_0.JPG",),
    }
    assert dataset.superclasses == {"111": "bicycle_final", "222": "chair_final", "333": "bicycle_final"}
    assert dataset.default_halves == (("111", "222"), ("333",))
    assert dataset.images.open("images/chair_final/222_0.jpg").mode == "RGB"


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("", "cannot read the list .*Ebay_train.txt"),
        ("id path\n", "first line of .*Ebay_train.txt is 'id path', expected 'image_id class_id"),
        (HEADER + "1 1 bicycle_final/111_0.JPG\n", "line 2 of .*Ebay_train.txt"),
        (HEADER + "1 1 1 bicycle_final/444_0.JPG\n", "name bicycle_final/444_0.JPG, which is not in"),
        (HEADER + "1 1 1 sofa_final/444_0.JPG\n", "cannot read the folder .*sofa_final"),
        (HEADER + TRAIN + TEST, "both sides of its default split: '333'"),
    ],
)
def test_malformed_sop_lists_are_refused(train: str, message: str, products: Callable[..., Dataset]) -> None:
    with pytest.raises(DatasetError, match=message):
        products(train)


def test_missing_sop_lists_are_named(tree: Tree) -> None:
    with pytest.raises(DatasetError, match=r"cannot read the list .*Info_Files/Ebay_train.txt.*Expected layout"):
        open_dataset(f"sop:{tree('images/bicycle_final/111_0.JPG')}")
