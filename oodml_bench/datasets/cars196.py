"""`cars196:PATH`: Stanford Cars (Krause et al., 2013), one folder a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oodml_bench.datasets.halves import read_halves

if TYPE_CHECKING:
    from pathlib import Path

    from oodml_bench.datasets.dataset import Dataset


def read_cars196(root: Path) -> Dataset:
    """Read CARS196; the first half of the sorted class names is the train half.

    Raises
    ------
    DatasetError
        Where the layout is not `PATH/images/<class>/*.jpg`.
    """
    return read_halves("cars196", root, layout="PATH/images/Acura Integra Type R 2001/*.jpg", order=str)
