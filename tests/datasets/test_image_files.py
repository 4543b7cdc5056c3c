import pickle
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from oodml_bench.datasets.files import ImageFiles, is_image_name


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".Png", ".webp", ".bmp", ".GIF", ".tiff", ".ppm"])
def test_any_suffix_that_pillow_reads_is_an_image(suffix: str) -> None:
    assert is_image_name(f"photo{suffix}")


@pytest.mark.parametrize("name", ["notes.txt", "table.csv", "jpg", "film.mpg", "array.h5", "paper.pdf"])
def test_what_pillow_does_not_decode_is_no_image(name: str) -> None:
    assert not is_image_name(name)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("L", (5, 4), 255).convert(mode).save(tmp_path / f"x.{suffix}")
    picture = ImageFiles(tmp_path).open(f"x.{suffix}")
    assert picture.mode == "RGB"
    assert picture.size == (5, 4)


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0x0100, 0x8000, 0xFFFF]], np.uint16)).save(tmp_path / "x.png")
    assert np.asarray(ImageFiles(tmp_path).open("x.png"))[0, :, 0].tolist() == [0, 1, 0x80, 0xFF]


def test_transparent_palettes_do_not_warn(tmp_path: Path) -> None:
    picture = Image.new("P", (4, 4))
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "x.png", transparency=bytes([0, 128]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ImageFiles(tmp_path).open("x.png").getpixel((0, 0)) == (255, 0, 0)


def test_a_picture_outlives_its_file(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    path = write_image(tmp_path / "x.png", 40)
    picture = ImageFiles(tmp_path).open("x.png")
    path.unlink()
    assert picture.getpixel((0, 0)) == (40, 20, 100)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_a_truncated_picture_is_an_os_error_that_names_it(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.effect_noise((64, 64), 90).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(OSError, match=rf"x.{suffix}"):
        ImageFiles(tmp_path).open(path.name)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_an_os_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(OSError, match=r"x.png"):
        ImageFiles(tmp_path).open("x.png")


def test_a_decompression_bomb_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (50, 50)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(OSError, match=r"decompression bomb"):
        ImageFiles(tmp_path).open("x.png")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "x.png"
    Image.effect_noise((12, 12), 90).convert("P").save(path)
    return path


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_damage_is_decoded_or_an_os_error(photo: Path, place: int, byte: int) -> None:
    content = bytearray(photo.read_bytes())
    content[place % len(content)] = byte
    photo.with_name("damaged.png").write_bytes(content)
    # Any other error than an OSError fails the test.
    with suppress(OSError):
        assert ImageFiles(photo.parent).open("damaged.png").mode == "RGB"


def test_the_digest_follows_the_content_and_not_the_name(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    for name, shade in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        write_image(tmp_path / name, shade)
    a, b, c = map(ImageFiles(tmp_path).digest, ("a.png", "b.png", "c.png"))
    assert a == b != c


def test_the_source_can_be_pickled(tmp_path: Path, write_image: Callable[..., Path]) -> None:
    write_image(tmp_path / "x.png")
    copy = pickle.loads(pickle.dumps(ImageFiles(tmp_path)))
    assert copy.open("x.png").tobytes() == ImageFiles(tmp_path).open("x.png").tobytes()
