import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.errors import DatasetError

Tree = Callable[..., Path]


def read(root: Path, *, nested: bool = False, linked: bool = False) -> Dataset:
    return open_dataset(f"{'nested' if nested else 'linked' if linked else 'folder'}:{root}")


def test_one_folder_is_one_class(tree: Tree) -> None:
    dataset = read(tree("cat/1.jpg", "cat/2.PNG", "dog/1.jpg"))
    assert dataset.name == "pictures"
    assert dataset.samples == {"cat": ("cat/1.jpg", "cat/2.PNG"), "dog": ("dog/1.jpg",)}
    assert not dataset.superclasses
    assert dataset.default_halves is None


def test_every_sample_opens(tree: Tree) -> None:
    dataset = read(tree("cat/1.jpg", "dog/deep/er/1.webp"))
    assert dataset.images.open("dog/deep/er/1.webp").size == (8, 6)


NAMES = ("it's", 'a "quote"', "with spaces", "Größe", "猫", "-dash", "a:b", "50%", "a\\b")


def test_names_are_taken_as_they_are(tree: Tree) -> None:
    dataset = read(tree(*(f"{name}/{name}.png" for name in NAMES)))
    assert dataset.samples == {name: (f"{name}/{name}.png",) for name in NAMES}
    assert [dataset.images.open(f"{name}/{name}.png").mode for name in NAMES] == ["RGB"] * len(NAMES)


def test_classes_that_differ_in_case_are_two(tree: Tree) -> None:
    root = tree("Cat/1.png", "cat/1.png")
    if len(list(root.iterdir())) == 1:
        pytest.skip("this file system does not tell letter cases apart")
    assert read(root).classes == ("Cat", "cat")


def test_hidden_files_and_folders_and_other_files_are_left_out(tree: Tree) -> None:
    root = tree("cat/1.png", "cat/.hidden.png", "cat/._1.png", "cat/.trash/2.png", ".git/3.png")
    (root / "README.txt").write_text("about")
    (root / "cat" / "Thumbs.db").write_text("thumbs")
    assert read(root).samples == {"cat": ("cat/1.png",)}


def test_links_inside_the_folder_are_followed(tree: Tree) -> None:
    root = tree("dog/1.png", "dog/old/3.png")
    (root / "cat").symlink_to(root / "dog" / "old")
    (root / "dog" / "2.png").symlink_to(root / "dog" / "old" / "3.png")
    dataset = read(root)
    assert dataset.samples == {"cat": ("cat/3.png",), "dog": ("dog/1.png", "dog/2.png", "dog/old/3.png")}
    assert dataset.images.open("cat/3.png").tobytes() == dataset.images.open("dog/2.png").tobytes()


@pytest.fixture
def linked_folder(tree: Tree) -> Path:
    """Make a folder of which a class and an image are links to what lies elsewhere."""
    elsewhere = tree("cat/1.png", at="elsewhere")
    root = tree("dog/1.png")
    (root / "cat").symlink_to(elsewhere / "cat")
    (root / "dog" / "2.png").symlink_to(elsewhere / "cat" / "1.png")
    return root


def test_links_that_lead_out_are_followed_where_that_is_asked_for(linked_folder: Path) -> None:
    dataset = read(linked_folder, linked=True)
    assert dataset.samples == {"cat": ("cat/1.png",), "dog": ("dog/1.png", "dog/2.png")}
    assert dataset.images.open("cat/1.png").tobytes() == dataset.images.open("dog/2.png").tobytes()
    assert dataset.images.digest("cat/1.png") == dataset.images.digest("dog/2.png")


@pytest.mark.parametrize("link", ["cat", "dog/2.png"])
def test_links_that_lead_out_are_refused(link: str, linked_folder: Path) -> None:
    for other in {"cat", "dog/2.png"} - {link}:
        (linked_folder / other).unlink()
    with pytest.raises(DatasetError, match=rf"{link} leads out of .*pictures by a link.* write linked:PATH"):
        read(linked_folder)


@pytest.mark.parametrize("link", ["pets", "pets/cat", "pets/cat/1.png"])
def test_nested_links_that_lead_out_are_refused(link: str, tree: Tree) -> None:
    elsewhere, root = tree("pets/cat/1.png", at="elsewhere"), tree("wild/lynx/1.png")
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(elsewhere / link)
    with pytest.raises(DatasetError, match=r"leads out of"):
        read(root, nested=True)


def test_the_folder_itself_may_be_a_link(tree: Tree, tmp_path: Path) -> None:
    root = tree("cat/1.png", "dog/1.png")
    (tmp_path / "link").symlink_to(root)
    dataset = read(tmp_path / "link")
    assert dataset.samples == read(root).samples
    assert dataset.images.open("cat/1.png").mode == "RGB"


def test_a_link_to_a_folder_above_ends_too(tree: Tree) -> None:
    root = tree("cat/1.png")
    (root / "cat" / "up").symlink_to(root.parent)
    with pytest.raises(DatasetError, match=r"cat/up leads out of"):
        read(root)
    assert read(root, linked=True).samples["cat"][0] == "cat/1.png"


def test_a_link_in_a_circle_ends(tree: Tree) -> None:
    root = tree("cat/1.png")
    (root / "cat" / "again").symlink_to(root / "cat")
    assert read(root).samples == {"cat": ("cat/1.png",)}


def test_a_link_that_leads_nowhere_is_a_broken_image(tree: Tree) -> None:
    root = tree("cat/1.png")
    (root / "cat" / "2.png").symlink_to(root / "gone.png")
    dataset = read(root)
    assert dataset.samples["cat"] == ("cat/1.png", "cat/2.png")
    with pytest.raises(OSError, match=r"2.png"):
        dataset.images.open("cat/2.png")


def test_nested_classes_are_named_by_their_path(tree: Tree) -> None:
    dataset = read(tree("pets/cat/1.png", "pets/dog/1.png", "wild/cat/deep/1.png"), nested=True)
    assert dataset.samples == {
        "pets/cat": ("pets/cat/1.png",),
        "pets/dog": ("pets/dog/1.png",),
        "wild/cat": ("wild/cat/deep/1.png",),
    }
    assert dataset.superclasses == {"pets/cat": "pets", "pets/dog": "pets", "wild/cat": "wild"}


def test_without_nested_deeper_images_belong_to_the_first_folder(tree: Tree) -> None:
    assert read(tree("pets/cat/1.png", "pets/dog/1.png")).samples == {"pets": ("pets/cat/1.png", "pets/dog/1.png")}


@pytest.mark.parametrize(
    ("paths", "nested", "message"),
    [
        ((), False, "no class folder in"),
        (("1.png", "cat/1.png"), False, "1 images such as '1.png' lie directly in"),
        (("pets/1.png", "pets/cat/1.png"), True, "lie directly in .*pets"),
    ],
)
def test_another_layout_is_refused(paths: tuple[str, ...], nested: bool, message: str, tree: Tree) -> None:
    with pytest.raises(DatasetError, match=message):
        read(tree(*paths), nested=nested)


def test_a_class_without_images_is_named(tree: Tree) -> None:
    root = tree("cat/1.png")
    (root / "empty one").mkdir()
    with pytest.raises(DatasetError, match=r"no image in the class folder .*empty one"):
        read(root)


def test_a_superclass_without_classes_is_named(tree: Tree) -> None:
    root = tree("pets/cat/1.png")
    (root / "wild").mkdir()
    with pytest.raises(DatasetError, match=r"no class folder in .*wild"):
        read(root, nested=True)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read the folder .*gone: No such file"):
        read(tmp_path / "gone")


def test_a_file_is_no_folder(tree: Tree) -> None:
    with pytest.raises(DatasetError, match=r"Not a directory"):
        read(tree("cat/1.png") / "cat" / "1.png")


@pytest.mark.skipif(os.name == "nt", reason="Windows file names are UTF-16")
def test_a_name_that_is_not_utf8_is_refused(tree: Tree) -> None:
    root = tree("cat/1.png")
    (root / os.fsdecode(b"caf\xe9")).mkdir()
    (root / "cat" / "1.png").rename(root / os.fsdecode(b"caf\xe9") / "1.png")
    (root / "cat").rmdir()
    with pytest.raises(DatasetError, match=r"not valid UTF-8"):
        read(root)


def test_the_fingerprint_does_not_depend_on_when_files_were_made(tree: Tree) -> None:
    one, other = tree("a/1.png", at="one"), tree(at="other")
    for path in ("b/1.png", "a/2.png"):
        (one / path).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2)).save(one / path)
    for path in ("b/1.png", "a/2.png", "a/1.png"):
        (other / path).parent.mkdir(exist_ok=True)
        (other / path).write_bytes((one / path).read_bytes())
    assert read(one).fingerprint == read(other).fingerprint


def test_the_fingerprint_follows_content_and_names(tree: Tree) -> None:
    root = tree("a/1.png", "b/1.png")
    seen = {read(root).fingerprint}
    Image.new("RGB", (3, 3)).save(root / "a" / "1.png")
    seen.add(read(root).fingerprint)
    (root / "a" / "1.png").rename(root / "a" / "2.png")
    seen.add(read(root).fingerprint)
    (root / "a").rename(root / "c")
    seen.add(read(root).fingerprint)
    assert len(seen) == 4
