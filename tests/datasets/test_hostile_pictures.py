"""Picture files that are made to harm: bombs, endless texts, nonsense in the metadata, programs."""

import struct
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from PIL import Image, ImageFile

from oodml_bench.datasets import open_dataset
from oodml_bench.datasets.files import ImageFiles, is_image_name
from oodml_bench.datasets.folder import read_folder
from oodml_bench.datasets.indexed import IndexedImages
from oodml_bench.errors import DatasetError

Tree = Callable[..., Path]

#: Pillow's limit is 89,478,485 pixels: it warns of the first of these, and refuses the second.
SIDES = (9_500, 14_000)


@pytest.fixture(scope="module", params=SIDES)
def bomb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a picture of few bytes and many pixels."""
    side = request.param
    rows = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8)
    content = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    path = tmp_path_factory.mktemp("bomb") / "bomb.png"
    path.write_bytes(png(side, side, chunk(b"IDAT", content)))
    assert path.stat().st_size < 300_000
    return path


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *chunks: bytes, bits: int = 1) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


DOT = chunk(b"IDAT", zlib.compress(b"\0\x80"))


def refuse_to_decode(*_: object) -> None:
    pytest.fail("pixels of the bomb were decoded")


def test_a_bomb_is_refused_by_its_path_before_it_is_decoded(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse_to_decode)
    with pytest.raises(OSError, match=r"cannot read the picture .*bomb.png: Image size .* exceeds limit"):
        ImageFiles(bomb.parent).open("bomb.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_whatever_warnings_are_ignored(bomb: Path) -> None:
    with pytest.raises(OSError, match=r"exceeds limit"):
        ImageFiles(bomb.parent).open("bomb.png")


class Lazily:
    """Pictures that are opened when they are asked for, as torchvision and Hugging Face do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Image.Image:
        return Image.open(self.path)


def test_a_bomb_among_numbered_pictures_is_refused_by_its_number(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse_to_decode)
    with pytest.raises(OSError, match=r"cannot read the picture number 0: Image size .* exceeds limit"):
        IndexedImages(Lazily(bomb)).open("0")


def test_a_bomb_in_a_hugging_face_dataset_is_refused(
    bomb: Path, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    root = tree("cat/1.png", "dog/1.png")
    (root / "cat" / "1.png").write_bytes(bomb.read_bytes())
    dataset = open_dataset(f"hf:{root}")
    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse_to_decode)
    with pytest.raises(OSError, match=r"exceeds limit"):
        dataset.images.open(dataset.samples["cat"][0])


@pytest.mark.parametrize("place", ["a", "b"])
def test_a_bomb_in_a_torchvision_dataset_is_refused(bomb: Path, place: str, tree: Tree) -> None:
    """Its first and last picture are looked at when it is read, the others when they are opened."""
    root = tree("x/a.png", "x/b.png", "y/c.png")
    (root / "x" / f"{place}.png").write_bytes(bomb.read_bytes())
    if place == "a":
        with pytest.raises(DatasetError, match=r"cannot read a picture of torchvision's ImageFolder: .*exceeds limit"):
            open_dataset(f"torchvision:ImageFolder:{root}")
        return
    dataset = open_dataset(f"torchvision:ImageFolder:{root}")
    with pytest.raises(OSError, match=r"number 1: .*exceeds limit"):
        dataset.images.open("1")


def frame(left: int, width: int, height: int, content: bytes) -> bytes:
    return b"\x2c" + struct.pack("<4HB", left, 0, width, height, 0) + content


#: One white pixel, as the decoder of GIF reads it, and the end of the frame.
PIXEL = b"\x02\x02\x4c\x01\x00"
GIF = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"


def test_a_frame_that_is_greater_than_its_screen_is_a_bomb_too(tmp_path: Path) -> None:
    (tmp_path / "x.gif").write_bytes(GIF + frame(0, 65_535, 65_535, PIXEL) + b";")
    with pytest.raises(OSError, match=r"x.gif: .*exceeds limit"):
        ImageFiles(tmp_path).open("x.gif")


def test_of_a_film_the_first_frame_alone_is_decoded(tmp_path: Path) -> None:
    """A hundred thousand frames, the second of them broken and the third a bomb."""
    later = frame(0, 1, 1, b"\xff broken") + frame(0, 65_535, 65_535, PIXEL) + 100_000 * frame(0, 1, 1, PIXEL)
    (tmp_path / "x.gif").write_bytes(GIF + frame(0, 1, 1, PIXEL) + later + b";")
    picture = ImageFiles(tmp_path).open("x.gif")
    assert picture.size == (1, 1)
    assert picture.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tiff"])
def test_a_film_is_its_first_frame(suffix: str, tmp_path: Path) -> None:
    first, *others = (Image.new("RGB", (4, 4), (shade, shade, shade)) for shade in (250, 90, 10))
    first.save(
        tmp_path / f"x.{suffix}", save_all=True, append_images=others, **{"lossless": True} if suffix == "webp" else {}
    )
    assert ImageFiles(tmp_path).open(f"x.{suffix}").getpixel((1, 1)) == (250, 250, 250)


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
@pytest.mark.parametrize("after", [False, True])
def test_compressed_text_without_end_is_refused_in_little_memory(kind: str, after: bool, tmp_path: Path) -> None:
    if kind == "iCCP" and after:
        pytest.skip("a profile after the pixels is not read")
    endless = zlib.compress(bytes(200_000_000), 1)
    before = {"zTXt": b"a\0\0", "iTXt": b"a\0\1\0\0\0", "iCCP": b"a\0\0"}[kind]
    text = chunk(kind.encode(), before + endless)
    (tmp_path / "x.png").write_bytes(png(1, 1, *((DOT, text) if after else (text, DOT))))
    tracemalloc.start()
    with pytest.raises(OSError, match=r"x.png: Decompressed data too large"):
        ImageFiles(tmp_path).open("x.png")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_much_text_in_many_pieces_is_refused(tmp_path: Path) -> None:
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000)))
    (tmp_path / "x.png").write_bytes(png(1, 1, 70 * text, DOT))
    with pytest.raises(OSError, match=r"x.png: Too much memory used in text chunks"):
        ImageFiles(tmp_path).open("x.png")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Tag data larger than file")
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0nonsense",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        # A directory that is its own successor, and one entry of 4 GB.
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\xff\x08\0\0\0\x08\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 4000,
    ],
)
def test_nonsense_in_the_metadata_harms_no_picture(exif: bytes, tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (9, 99, 199)).save(tmp_path / "x.jpg")
    content = (tmp_path / "x.jpg").read_bytes()
    marker = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (tmp_path / "x.jpg").write_bytes(content[:2] + marker + content[2:])
    picture = ImageFiles(tmp_path).open("x.jpg")
    assert (picture.size, picture.mode) == ((8, 6), "RGB")


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("name", ["x.eps", "x.jpg"])
def test_a_program_for_another_decoder_is_not_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow runs Ghostscript on PostScript, whatever the file is called."""
    monkeypatch.setattr(subprocess, "check_call", lambda *_, **__: pytest.fail("Ghostscript was called"))
    (tmp_path / name).write_bytes(POSTSCRIPT)
    with pytest.raises(OSError, match=rf"{name}: it is of no format that is read"):
        ImageFiles(tmp_path).open(name)


def test_postscript_is_no_image(tree: Tree) -> None:
    assert not is_image_name("x.eps")
    root = tree("cat/1.png")
    (root / "cat" / "2.eps").write_bytes(POSTSCRIPT)
    assert read_folder(root).samples == {"cat": ("cat/1.png",)}
