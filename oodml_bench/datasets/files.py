"""Picture files in folders."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from oodml_bench.datasets.pictures import as_rgb, broken_pictures_as_os_errors
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

#: Formats that Pillow recognises by a stub alone: it cannot decode them.
UNDECODABLE_FORMATS = frozenset({"BUFR", "GRIB", "HDF5", "MPEG"})


@dataclass(frozen=True)
class ImageFiles:
    """The image source of samples that are files below one folder: a sample is the path relative to `root`."""

    root: Path

    def open(self, sample: str) -> Image:
        """Give the picture in a file, decoded, in mode RGB."""
        from PIL import Image

        path = self.root / sample
        with broken_pictures_as_os_errors(str(path)), Image.open(path) as picture:
            return as_rgb(picture)

    def digest(self, sample: str) -> bytes:
        """Give the SHA-256 digest of a file's bytes."""
        return hashlib.sha256((self.root / sample).read_bytes()).digest()


def is_image_name(name: str) -> bool:
    """Tell whether Pillow decodes files with this name's suffix, whatever its letter case."""
    return os.path.splitext(name)[1].lower() in _image_suffixes()  # noqa: PTH122


@cache
def _image_suffixes() -> frozenset[str]:
    from PIL import Image

    return frozenset(
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in UNDECODABLE_FORMATS
    )


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


def images_below(folder: Path, root: Path) -> tuple[str, ...]:
    """Give the image files in a folder and its subfolders as paths relative to `root`, `/`-separated, sorted."""
    return tuple(sorted(path.relative_to(root).as_posix() for path in _walk(folder, frozenset())))


def _walk(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    # A link back to a folder above would lead round for ever.
    if real in above:
        return
    yield from (folder / name for name in images_in(folder))
    for subfolder in folders_in(folder):
        yield from _walk(subfolder, above | {real})
