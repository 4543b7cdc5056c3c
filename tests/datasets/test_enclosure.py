"""Names and links that try to lead out of a dataset's folder."""

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oodml_bench.datasets import open_dataset
from oodml_bench.datasets.enclosure import Enclosure, leads_out
from oodml_bench.datasets.files import ImageFiles
from oodml_bench.errors import DatasetError

Tree = Callable[..., Path]


@pytest.fixture
def root(tree: Tree) -> Path:
    tree("secret/1.png", at="elsewhere")
    return tree("cat/1.png", "cat/old/2.png")


OUTSIDE = ("../elsewhere/secret/1.png", "cat/../../elsewhere/secret/1.png", "/etc/passwd", "cat/1.png\0", "..")


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_neither_opened_nor_read(name: str, root: Path) -> None:
    images = ImageFiles(root)
    for use in (images.open, images.digest):
        with pytest.raises(OSError, match=r"no path inside of .*Correct the file") as raised:
            use(name)
        assert repr(name) in str(raised.value)


def test_the_absolute_path_of_an_image_in_the_folder_is_no_name_either(root: Path) -> None:
    with pytest.raises(OSError, match=r"no path inside of"):
        ImageFiles(root).open(str(root / "cat" / "1.png"))


WINDOWS = ("C:\\x.png", "C:x.png", "\\x.png", "cat\\..\\..\\x.png", "\\\\host\\share\\x.png", "//host/share/x.png")


@pytest.mark.parametrize("name", WINDOWS)
def test_drives_and_backslashes_lead_out_on_windows(name: str) -> None:
    assert leads_out(name, PureWindowsPath)


PARTS = st.sampled_from(["..", ".", "", "cat", "C:", "\0", "/", "\\", "x.png", "... ", "..x"])


@given(name=st.lists(PARTS | st.text(max_size=3), max_size=6).map("/".join))
@example(name="cat/..")
def test_what_does_not_lead_out_stays_below_the_folder(name: str) -> None:
    """By the rules of the file system alone, with no links: the path, once `..` is resolved, is below the folder."""
    if not leads_out(name, PurePosixPath):
        assert "\0" not in name
        assert f"{os.path.normpath('/data/root/' + name)}/".startswith("/data/root/")


@pytest.mark.parametrize(
    ("link", "opened"), [("link.png", "link.png"), ("link", "link/1.png"), ("cat/a", "cat/a/1.png")]
)
def test_a_link_that_leads_out_is_neither_opened_nor_read(link: str, opened: str, root: Path) -> None:
    target = root.parent / "elsewhere" / "secret"
    (root / link).symlink_to(target / "1.png" if link.endswith(".png") else target)
    for use in (ImageFiles(root).open, ImageFiles(root).digest):
        with pytest.raises(OSError, match=r"leads out of .*pictures by a link"):
            use(opened)
    assert ImageFiles(root, linked=True).open(opened).mode == "RGB"


def test_a_chain_of_links_is_followed_to_its_end(root: Path) -> None:
    (root / "a.png").symlink_to(root / "b.png")
    (root / "b.png").symlink_to(root.parent / "elsewhere" / "secret" / "1.png")
    with pytest.raises(OSError, match=r"a.png leads out of"):
        ImageFiles(root).open("a.png")


def test_a_folder_whose_name_only_begins_alike_is_outside(root: Path, tree: Tree) -> None:
    """`pictures2` is no part of `pictures`."""
    (root / "link").symlink_to(tree("1.png", at="pictures2"))
    with pytest.raises(OSError, match=r"leads out of"):
        ImageFiles(root).open("link/1.png")


def test_a_folder_is_checked_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path: resolved.append(str(path)) or real(path))
    images = ImageFiles(root)
    for _ in range(50):
        images.digest("cat/1.png")
        images.digest("cat/old/2.png")
    assert len(resolved) <= 4


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes nor sockets among files")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("use", ["open", "digest"])
def test_what_is_no_file_is_refused_and_not_waited_for(kind: str, use: str, root: Path) -> None:
    path = root / "x.png"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(OSError, match=r"x.png is no regular file"):
        getattr(ImageFiles(root, linked=True), use)("x.png")


def test_the_check_survives_a_copy(root: Path) -> None:
    enclosure = Enclosure(root)
    enclosure.path_of("cat/1.png")
    with pytest.raises(OSError, match=r"no path inside of"):
        pickle.loads(pickle.dumps(enclosure)).path_of("../x.png")


@pytest.mark.parametrize("reader", ["cub200", "cars196"])
@pytest.mark.parametrize("link", ["images", "images/2.Tit", "images/1.Auk/2.jpg"])
def test_published_layouts_refuse_links_that_lead_out(reader: str, link: str, tree: Tree) -> None:
    elsewhere = tree("images/1.Auk/2.jpg", "images/2.Tit/1.jpg", at="elsewhere")
    root = tree() if link == "images" else tree("images/1.Auk/1.jpg")
    (root / link).symlink_to(elsewhere / link)
    with pytest.raises(DatasetError, match=r"leads out of"):
        open_dataset(f"{reader}:{root}")


def sop(root: Path, listed: str) -> str:
    (root / "Info_Files").mkdir()
    for name, path in (("Ebay_train.txt", "bicycle_final/111_0.JPG"), ("Ebay_test.txt", listed)):
        (root / "Info_Files" / name).write_text(f"image_id class_id super_class_id path\n1 1 1 {path}\n")
    return f"sop:{root}"


@pytest.mark.parametrize("listed", ["../../elsewhere/secret/1.png", "/etc/1.png", "a/../../../elsewhere/secret/1.png"])
def test_lists_of_products_name_nothing_outside(listed: str, tree: Tree) -> None:
    tree("secret/1.png", at="elsewhere")
    root = tree("images/bicycle_final/111_0.JPG")
    with pytest.raises(DatasetError, match=r"sop: line 2 of .*Ebay_test.txt names .*no path inside") as raised:
        open_dataset(sop(root, listed))
    assert repr(listed) in str(raised.value)


def test_folders_of_products_lead_nowhere_else(tree: Tree) -> None:
    elsewhere, root = tree("222_0.JPG", at="elsewhere"), tree("images/bicycle_final/111_0.JPG")
    (root / "images" / "chair_final").symlink_to(elsewhere)
    with pytest.raises(DatasetError, match=r"chair_final leads out of"):
        open_dataset(sop(root, "chair_final/222_0.JPG"))
