"""Picture files in folders."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

from oodml_bench.datasets.enclosure import Enclosure
from oodml_bench.datasets.pictures import as_rgb, broken_pictures_as_os_errors
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

#: Formats that Pillow recognises by a stub alone, and cannot decode; and PostScript, a program that it runs Ghostscript
#: on, under whatever name the file has.
REFUSED_FORMATS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG"})


@dataclass(frozen=True)
class ImageFiles:
    """The image source of samples that are files below one folder: a sample is the path relative to `root`.

    With `linked`, links in the folder may lead out of it; without, a sample that lies outside is an `OSError`.
    """

    root: Path
    linked: bool = False

    @cached_property
    def enclosure(self) -> Enclosure:
        """What keeps samples inside of the folder."""
        return Enclosure(self.root, self.linked)

    def open(self, sample: str) -> Image:
        """Give the picture in a file, decoded, in mode RGB."""
        where = str(self.root / sample)
        with broken_pictures_as_os_errors(where), self.enclosure.path_of(sample).open("rb") as file:
            return decoded(file)

    def digest(self, sample: str) -> bytes:
        """Give the SHA-256 digest of a file's bytes."""
        return hashlib.sha256(self.enclosure.path_of(sample).read_bytes()).digest()


def decoded(file: IO[bytes]) -> Image:
    """Give the picture in an open file, decoded, in mode RGB."""
    from PIL import Image

    with Image.open(file, formats=_formats()) as picture:
        return as_rgb(picture)


def is_image_name(name: str) -> bool:
    """Tell whether Pillow decodes files with this name's suffix, whatever its letter case."""
    return os.path.splitext(name)[1].lower() in _image_suffixes()  # noqa: PTH122


@cache
def _image_suffixes() -> frozenset[str]:
    from PIL import Image

    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in _formats())


@cache
def _formats() -> tuple[str, ...]:
    """Give the formats that are decoded, the common ones first."""
    from PIL import Image

    Image.init()
    return tuple(kind for kind in Image.ID if kind in Image.OPEN and kind not in REFUSED_FORMATS)


def visible_entries(folder: Path) -> list[os.DirEntry[str]]:
    """Give what a folder holds, sorted by name, without hidden files and folders (`.DS_Store`, `._photo.jpg`).

    Raises
    ------
    DatasetError
        Where the folder does not exist, is no folder, or may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DatasetError(f"cannot read the folder {folder}: {error.strerror}") from error


def folders_in(folder: Path) -> list[Path]:
    """Give the visible folders in a folder, sorted by name; links to folders count."""
    return [Path(entry) for entry in visible_entries(folder) if entry.is_dir()]


def images_in(folder: Path) -> list[str]:
    """Give the names of the visible image files directly in a folder, sorted; a link that leads nowhere counts."""
    return [entry.name for entry in visible_entries(folder) if is_image_name(entry.name) and not entry.is_dir()]


def images_below(folder: Path, enclosure: Enclosure) -> tuple[str, ...]:
    """Give the image files in a folder and its subfolders as paths relative to the root, `/`-separated, sorted.

    Raises
    ------
    DatasetError
        Where a folder cannot be read, or a link leads out of the root.
    """
    root = enclosure.root
    return tuple(sorted(path.relative_to(root).as_posix() for path in _walk(folder, enclosure, frozenset())))


def _walk(folder: Path, enclosure: Enclosure, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    # A link back to a folder above would lead round for ever.
    if real in above:
        return
    check_enclosed(folder, enclosure)
    for entry in visible_entries(folder):
        if entry.is_dir():
            yield from _walk(Path(entry), enclosure, above | {real})
        elif is_image_name(entry.name):
            if entry.is_symlink():
                check_enclosed(Path(entry), enclosure)
            yield Path(entry)


def check_enclosed(path: Path, enclosure: Enclosure) -> None:
    """Raise `DatasetError` where a file or folder lies outside of the root once links are followed."""
    try:
        enclosure.check(path)
    except OSError as error:
        raise DatasetError(str(error)) from error
