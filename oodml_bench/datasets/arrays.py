"""`arrays:FILE.npz`: pictures and labels that are arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.indexed import IndexedImages, samples_by_class
from oodml_bench.errors import DatasetError
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.npz import read_npz

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from PIL.Image import Image


@dataclass(frozen=True)
class PictureArray:
    """An array of pictures, (N, H, W) grey or (N, H, W, 3) RGB."""

    values: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> Image:
        from PIL import Image

        return Image.fromarray(self.values[index])


def read_arrays(path: Path) -> Dataset:
    """Read an `.npz` file that holds `images`, `classes` and perhaps `superclasses`.

    The arrays are those of `dataset_from_arrays`; nothing that is pickled in the file is run.

    Raises
    ------
    DatasetError
        Where the file cannot be read or an array is missing or malformed.
    """
    try:
        arrays = read_npz(path, ("images", "classes", "superclasses"))
    except UnreadableError as error:
        raise DatasetError(f"cannot read {path} as an .npz file with 'images' and 'classes': {error}") from error
    if missing := {"images", "classes"} - set(arrays):
        raise DatasetError(f"{path} lacks the array {sorted(missing)[0]!r}. Save it with numpy.savez.")
    return dataset_from_arrays(path.stem, **arrays)


def dataset_from_arrays(
    name: str, images: ArrayLike, classes: ArrayLike, superclasses: ArrayLike | None = None
) -> Dataset:
    """Make a dataset from arrays in memory.

    Parameters
    ----------
    name
        Name of the dataset.
    images
        Grey pictures (N, H, W) or RGB pictures (N, H, W, 3), uint8.
    classes
        The class of each picture, (N,): text or whole numbers.
    superclasses
        The superclass of each picture, (N,), the same for all pictures of a class.

    Raises
    ------
    DatasetError
        Where an array has another shape or type, or a class has two superclasses.
    """
    import numpy as np

    pictures = np.asarray(images)
    if pictures.dtype != np.uint8 or not (pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[3] == 3)):
        raise DatasetError(
            f"dataset {name}: images are {pictures.dtype} of shape {pictures.shape}, "
            "expected uint8 of shape (N, H, W) or (N, H, W, 3)"
        )
    labels = _names(name, "classes", classes, len(pictures))
    above = (
        {} if superclasses is None else _pairs(name, labels, _names(name, "superclasses", superclasses, len(labels)))
    )
    return Dataset(
        name=name,
        samples=samples_by_class(labels, len(pictures)),
        images=IndexedImages(PictureArray(pictures)),
        superclasses=above,
    )


def _names(name: str, key: str, given: ArrayLike, count: int) -> list[str]:
    import numpy as np

    values: NDArray[Any] = np.asarray(given)
    if values.shape != (count,) or values.dtype.kind not in "Uiu":
        raise DatasetError(
            f"dataset {name}: {key} are {values.dtype} of shape {values.shape}, "
            f"expected text or whole numbers of shape ({count},)"
        )
    return [str(value) for value in values.tolist()]


def _pairs(name: str, classes: list[str], superclasses: list[str]) -> dict[str, str]:
    """Give the superclass of each class."""
    pairs = dict(zip(classes, superclasses, strict=True))
    for class_name, superclass in zip(classes, superclasses, strict=True):
        if pairs[class_name] != superclass:
            raise DatasetError(
                f"dataset {name}: class {class_name!r} has the superclasses {superclass!r} and {pairs[class_name]!r}"
            )
    return pairs
