"""The font faces that matplotlib ships, and pictures of their characters."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralBolIta",
    "STIXGeneralItalic",
)

#: Width and height of a picture, and the white that is kept free around the ink, in pixels.
SIDE = 96
MARGIN = 2

#: Font sizes in pixels, the first that fits is taken.
SIZES = (64, 56, 48, 40, 32, 24)

#: A code point that no font may contain: its picture is the face's box for a missing glyph.
NO_CHARACTER = 0x10FFFF


def code_points_of(face: str) -> frozenset[int]:
    """Give the code points that a face maps to a glyph."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file(face))).get_charmap())


def picture_of(code_point: int, face: str) -> Image:
    """Draw a character in black on white, mode L, with the face's baseline at a fixed height."""
    from PIL import Image, ImageDraw

    text = chr(code_point)
    font = next((font for font in _fonts(face) if _fits(text, font)), _fonts(face)[-1])
    picture = Image.new("L", (SIDE, SIDE), 255)
    ImageDraw.Draw(picture).text((SIDE / 2, SIDE / 2), text, font=font, fill=0, anchor="mm")
    return picture


def _fits(text: str, font: FreeTypeFont) -> bool:
    left, top, right, bottom = font.getbbox(text, anchor="mm")
    return max(-left, -top, right, bottom) <= SIDE / 2 - MARGIN


@cache
def _fonts(face: str) -> tuple[FreeTypeFont, ...]:
    """Give a face in each of the sizes; cached here, not in the image source, since fonts cannot be pickled."""
    from PIL import ImageFont

    # The basic layout is the one that every Pillow has: pictures do not depend on how it was built.
    layout = ImageFont.Layout.BASIC
    return tuple(ImageFont.truetype(str(_font_file(face)), size, layout_engine=layout) for size in SIZES)


def _font_file(face: str) -> Path:
    import matplotlib

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    if not path.is_file():
        raise DatasetError(
            f"glyphs: matplotlib's font file {path} is missing. Install matplotlib from PyPI: some distributions of it "
            "leave its fonts out."
        )
    return path
