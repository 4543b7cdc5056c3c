"""`hf:NAME_OR_PATH`: any image classification dataset that Hugging Face `datasets` loads, all its splits together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.indexed import IndexedImages, samples_by_class
from oodml_bench.errors import DatasetError, DownloadError, MissingExtraError

if TYPE_CHECKING:
    from PIL.Image import Image

Table = Any


@dataclass(frozen=True)
class PictureColumn:
    """The pictures in a column of a table."""

    table: Table
    column: str

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Image:
        picture: Image = self.table[index][self.column]
        return picture


def read_huggingface(name: str) -> Dataset:
    """Load a dataset from the Hugging Face hub or from a local path.

    Parameters
    ----------
    name
        What `datasets.load_dataset` takes: a name on the hub, or a folder of images.

    Returns
    -------
    Dataset
        Its pictures are those of the image column, its classes the names of the class label column; of several such
        columns the one with the most names. Pictures without a label are left out, and a note says how many.

    Raises
    ------
    MissingExtraError
        Where the package `datasets` is not installed.
    DownloadError
        Where the dataset is not cached and the hub cannot be reached.
    DatasetError
        Where it cannot be loaded, or has no image column or no class label column.
    """
    table = _all_splits(name)
    image_column = _image_column(name, table)
    label_column = _label_column(name, table)
    names = table.features[label_column].names
    # The hub's convention for a hidden test label is -1.
    classes = [names[label] if label is not None and label >= 0 else None for label in table[label_column]]
    unlabelled = classes.count(None)
    return Dataset(
        name=Path(name).name or name,
        samples=samples_by_class(classes, len(table)),
        images=IndexedImages(PictureColumn(table.select_columns([image_column]), image_column)),
        notes=(f"{unlabelled} images without a label were left out.",) if unlabelled else (),
    )


def _all_splits(name: str) -> Table:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(
            "reading hf: datasets needs the package datasets. Install it: pip install 'oodml-bench[hf]'"
        ) from error
    try:
        return datasets.concatenate_datasets(list(datasets.load_dataset(name).values()))
    except ConnectionError as error:
        raise DownloadError(
            f"cannot load the Hugging Face dataset {name!r}: {error}. Connect to the network and check HF_HUB_OFFLINE, "
            "load it once on a connected machine and copy its cache (HF_HOME), or give a local folder: hf:PATH."
        ) from error
    except Exception as error:
        # Builders raise what they like; all of it means that this name or folder is not usable as given.
        raise DatasetError(f"cannot load the Hugging Face dataset {name!r}: {error}") from error


def _image_column(name: str, table: Table) -> str:
    import datasets

    for column, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            return str(column)
    raise DatasetError(f"the Hugging Face dataset {name!r} has no image column among {', '.join(table.features)}")


def _label_column(name: str, table: Table) -> str:
    import datasets

    sizes = {
        str(column): len(feature.names)
        for column, feature in table.features.items()
        if isinstance(feature, datasets.ClassLabel)
    }
    if not sizes:
        raise DatasetError(
            f"the Hugging Face dataset {name!r} has no class label column among {', '.join(table.features)}"
        )
    return max(sizes, key=lambda column: sizes[column])
