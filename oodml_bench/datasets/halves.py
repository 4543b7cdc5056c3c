"""Class folders whose order is the dataset's own train/test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.files import ImageFiles, folders_in
from oodml_bench.datasets.folder import samples_of
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read_halves(name: str, root: Path, *, layout: str, order: Callable[[str], Any]) -> Dataset:
    """Read `root/images/<class>/`, the first half of the ordered classes as train, the rest as test.

    Parameters
    ----------
    name
        Name of the dataset.
    root
        The folder that holds `images`.
    layout
        The layout that is expected, for messages.
    order
        Sort key of a class name.

    Raises
    ------
    DatasetError
        Where the layout is another one, or a link leads out of `root`.
    """
    folder = root / "images"
    if not folder.is_dir():
        raise DatasetError(f"{name}: the folder {folder} is missing. Expected layout: {layout}")
    classes = tuple(sorted((found.name for found in folders_in(folder)), key=order))
    if not classes:
        raise DatasetError(f"{name}: no class folder in {folder}. Expected layout: {layout}")
    half = len(classes) // 2
    images = ImageFiles(root)
    return Dataset(
        name=name,
        samples=samples_of(classes, folder, images.enclosure),
        images=images,
        default_halves=(classes[:half], classes[half:]),
    )
