"""Decoding pictures: every one ends as a loaded RGB picture, every failure as an `OSError`."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image


@contextmanager
def broken_pictures_as_os_errors(where: str) -> Iterator[None]:
    """Raise whatever a decoder raises as an `OSError` that names the picture.

    Pillow's plug-ins raise almost anything on damaged bytes: `SyntaxError`, `struct.error`, `ValueError`,
    `DecompressionBombError`, …
    """
    from PIL import UnidentifiedImageError

    try:
        with bombs_as_os_errors():
            yield
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        # Pillow's own message names the place in memory of what was fetched.
        raise OSError(f"cannot read the picture {where}: it is of no format that is read") from error
    except Exception as error:
        raise OSError(f"cannot read the picture {where}: {error or type(error).__name__}") from error


@contextmanager
def bombs_as_os_errors() -> Iterator[None]:
    """Refuse pictures of more pixels than Pillow allows (`PIL.Image.MAX_IMAGE_PIXELS`), before any is decoded.

    By itself Pillow refuses from twice as many on, and below only warns.
    """
    from PIL.Image import DecompressionBombError, DecompressionBombWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", DecompressionBombWarning)
        try:
            yield
        except (DecompressionBombError, DecompressionBombWarning) as error:
            raise OSError(str(error)) from error


def as_rgb(picture: Image) -> Image:
    """Decode a picture fully and give it in mode RGB, without an alpha channel."""
    if picture.mode == "F":
        raise OSError("its pixels are floating-point numbers of unknown range; save it with 8 or 16 bits a pixel")
    if picture.mode.startswith("I"):
        picture = _as_8_bit(picture)
    if picture.mode == "P" and "transparency" in picture.info:
        # Straight to RGB, Pillow warns that the transparency of single palette entries is lost.
        picture = picture.convert("RGBA")
    if picture.mode == "RGB":
        picture.load()
        return picture
    return picture.convert("RGB")


def _as_8_bit(picture: Image) -> Image:
    """Scale 16-bit grey values down to 8 bits; Pillow's own conversion clips all above 255 to white."""
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))


def digest_of_pixels(picture: Image) -> bytes:
    """Give the SHA-256 digest of a picture's mode, size and pixels."""
    header = f"{picture.mode} {picture.width} {picture.height} "
    return hashlib.sha256(header.encode() + picture.tobytes()).digest()
