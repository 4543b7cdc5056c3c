"""`cub200:PATH`: Caltech-UCSD Birds 200-2011 (Wah et al., 2011)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oodml_bench.datasets.halves import read_halves
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from oodml_bench.datasets.dataset import Dataset

LAYOUT = "PATH/images/001.Black_footed_Albatross/*.jpg"


def read_cub200(root: Path) -> Dataset:
    """Read CUB200-2011; the classes of the lower numbers are the train half.

    Raises
    ------
    DatasetError
        Where the layout is not `PATH/images/NNN.Name/*.jpg`.
    """
    return read_halves("cub200", root, layout=LAYOUT, order=_number)


def _number(class_name: str) -> tuple[int, str]:
    number = class_name.partition(".")[0]
    if not (number.isascii() and number.isdigit()):
        raise DatasetError(f"cub200: the class folder {class_name!r} has no number. Expected layout: {LAYOUT}")
    return int(number), class_name
