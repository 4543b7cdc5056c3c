"""Class names in text files."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from oodml_bench.errors import SplitError
from oodml_bench.reading.bounded import MEBIBYTE, read_bounded
from oodml_bench.reading.cutting import cut

#: Length of the longest file that is read: of a hundred thousand names, each of 600 bytes.
MOST_BYTES = 64 * MEBIBYTE


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read class names from a text file, one a line.

    Raises
    ------
    SplitError
        Where the file cannot be read as UTF-8 text or names no class.
    """
    try:
        lines = read_bounded(path, MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SplitError(
            f"cannot read class names from {path}: {cut(error)}. It must be UTF-8 text, a name a line"
        ) from None
    names = tuple(name for line in lines if (name := line.strip()))
    if not names:
        raise SplitError(f"{path} names no class: it must hold one class name a line")
    return names


class Kept(TypedDict):
    """Classes that stay on a side."""

    keep_train: tuple[str, ...]
    keep_test: tuple[str, ...]


def read_kept(train: Path | None, test: Path | None) -> Kept:
    """Read the names of the classes that stay on either side, where a file of them is given."""
    of_train, of_test = (() if path is None else read_class_names(path) for path in (train, test))
    return Kept(keep_train=of_train, keep_test=of_test)
