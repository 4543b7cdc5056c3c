"""`folder:PATH`: one folder a class, the convention of torchvision's `ImageFolder`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.files import ImageFiles, folders_in, images_below, images_in
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path


def read_folder(root: Path, *, nested: bool = False) -> Dataset:
    """Read a folder that holds one folder a class.

    Parameters
    ----------
    root
        The folder.
    nested
        Whether a layer of superclass folders lies above the class folders. A class is then named `superclass/class`.

    Returns
    -------
    Dataset
        Its samples are all images below each class folder, however deep. Hidden files and folders are left out, links
        are followed.

    Raises
    ------
    DatasetError
        Where `root` cannot be read, holds images of no class, or a class or superclass is empty.
    """
    superclasses: dict[str, str] = {}
    if nested:
        superclasses = {
            f"{above.name}/{folder.name}": above.name
            for above in _class_folders(root)
            for folder in _class_folders(above)
        }
        classes = tuple(superclasses)
    else:
        classes = tuple(folder.name for folder in _class_folders(root))
    return Dataset(
        name=root.resolve().name or "folder",
        samples=samples_of(classes, root, root),
        images=ImageFiles(root),
        superclasses=superclasses,
    )


def samples_of(classes: tuple[str, ...], folder: Path, root: Path) -> dict[str, tuple[str, ...]]:
    """Give the samples of classes that are folders in `folder`, as paths relative to `root`.

    Raises
    ------
    DatasetError
        Where a class has no image.
    """
    samples = {name: images_below(folder / name, root) for name in classes}
    for name, found in samples.items():
        if not found:
            raise DatasetError(
                f"no image in the class folder {folder / name}. "
                "Add images of a format that Pillow reads, or remove the folder."
            )
    return samples


def _class_folders(parent: Path) -> list[Path]:
    if loose := images_in(parent):
        raise DatasetError(
            f"{len(loose)} images such as {loose[0]!r} lie directly in {parent}. "
            "Put each image into a folder that is named after its class."
        )
    folders = folders_in(parent)
    if not folders:
        raise DatasetError(f"no class folder in {parent}. Give a folder that holds one folder of images a class.")
    return folders
