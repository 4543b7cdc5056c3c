"""`glyphs`, `glyphs:N`: the bundled dataset, characters drawn from the fonts that matplotlib ships.

`glyphs+homoglyphs` and `glyphs+homoglyphs:N` keep characters that look the same as classes of their own.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.glyph_blocks import block_of
from oodml_bench.datasets.glyph_faces import FACES, NO_CHARACTER, SIDE, code_points_of, picture_of
from oodml_bench.datasets.pictures import digest_of_pixels
from oodml_bench.datasets.stratified import stratified_subset
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Letters, numbers, symbols and punctuation.
CATEGORIES = "LNSP"

#: In how many faces a character must have a picture to be a class.
MIN_FACES = 12

#: The fewest classes that a split can be made of: two on either side.
MIN_CLASSES = 4

#: Digest of a character's picture in each face that has one, for each code point.
Digests = Mapping[int, Mapping[str, bytes]]


@dataclass(frozen=True)
class GlyphImages:
    """The image source of samples `<class>/<face>.png`, drawn when they are opened."""

    def open(self, sample: str) -> Image:
        """Draw a sample, in mode RGB."""
        class_name, _, file_name = sample.partition("/")
        code_point = int(class_name.partition(" ")[0].removeprefix("U+"), 16)
        return picture_of(code_point, file_name.removesuffix(".png")).convert("RGB")

    def digest(self, sample: str) -> bytes:
        """Give the SHA-256 digest of a picture's size and RGB pixels."""
        return digest_of_pixels(self.open(sample))


def read_glyphs(count: int | None = None, *, drop_homoglyphs: bool = True) -> Dataset:
    """Make the glyph dataset.

    A class is a code point of the Unicode categories L, N, S and P that at least 12 of the 16 faces contain, a sample
    is its picture in one face, the superclass is its script or block.

    Parameters
    ----------
    count
        How many classes to take: a subset, stratified by superclass and always the same; None: all.
    drop_homoglyphs
        Whether characters whose pictures are the same in most faces (Latin A, Greek Alpha, Cyrillic A) are one class:
        the lowest code point stays.

    Raises
    ------
    DatasetError
        Where `count` is below 4 or above the number of classes.
    """
    digests = _digests()
    notes: tuple[str, ...] = ()
    if drop_homoglyphs:
        distinct = without_homoglyphs(digests)
        notes = (f"{len(digests) - len(distinct)} characters were dropped that look like an earlier one.",)
        digests = distinct
    superclasses = {code_point: block_of(code_point) for code_point in digests}
    name = "glyphs" if drop_homoglyphs else "glyphs+homoglyphs"
    chosen = list(digests) if count is None else _subset(name, superclasses, count)
    return Dataset(
        name=name if count is None else f"{name}{count}",
        samples={_class_name(point): _samples(point, digests[point]) for point in chosen},
        images=GlyphImages(),
        superclasses={_class_name(point): superclasses[point] for point in chosen},
        notes=notes,
    )


def without_homoglyphs(digests: Digests) -> Digests:
    """Leave out what looks like an earlier code point that stays, in more than half of the faces that both have."""
    kept: dict[int, Mapping[str, bytes]] = {}
    drawn_by: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for code_point in sorted(digests):
        pictures = digests[code_point]
        alike = Counter(earlier for picture in pictures.items() for earlier in drawn_by[picture])
        if any(2 * faces > len(pictures.keys() & kept[earlier].keys()) for earlier, faces in alike.items()):
            continue
        kept[code_point] = pictures
        for picture in pictures.items():
            drawn_by[picture].append(code_point)
    return kept


@cache
def _digests() -> Digests:
    """Draw every character that enough faces contain; a picture that is blank or the missing-glyph box is none."""
    blank = hashlib.sha256(b"\xff" * SIDE**2).digest()
    digests: dict[int, dict[str, bytes]] = defaultdict(dict)
    contents = {face: code_points_of(face) for face in FACES}
    faces_with = Counter(code_point for content in contents.values() for code_point in content)
    for face, content in contents.items():
        nothing = (blank, _digest(NO_CHARACTER, face))
        for code_point in content:
            if faces_with[code_point] >= MIN_FACES and unicodedata.category(chr(code_point))[0] in CATEGORIES:
                digest = _digest(code_point, face)
                if digest not in nothing:
                    digests[code_point][face] = digest
    return {code_point: pictures for code_point, pictures in sorted(digests.items()) if len(pictures) >= MIN_FACES}


def _digest(code_point: int, face: str) -> bytes:
    return hashlib.sha256(picture_of(code_point, face).tobytes()).digest()


def _subset(name: str, superclasses: Mapping[int, str], count: int) -> list[int]:
    if not MIN_CLASSES <= count <= len(superclasses):
        raise DatasetError(
            f"{name}:{count} asks for {count} classes, "
            f"allowed are {MIN_CLASSES} to {len(superclasses)}; {name} alone takes all."
        )
    return stratified_subset(superclasses, count)


def _class_name(code_point: int) -> str:
    return f"U+{code_point:04X} {unicodedata.name(chr(code_point))}"


def _samples(code_point: int, faces: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(f"{_class_name(code_point)}/{face}.png" for face in faces))
