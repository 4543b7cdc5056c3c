"""`folder:PATH`, `nested:PATH` and `linked:PATH`: one folder a class, the convention of torchvision's `ImageFolder`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.files import ImageFiles, check_enclosed, folders_in, images_below, images_in
from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

    from oodml_bench.datasets.enclosure import Enclosure


def read_folder(root: Path, *, nested: bool = False, linked: bool = False) -> Dataset:
    """Read a folder that holds one folder a class.

    Parameters
    ----------
    root
        The folder.
    nested
        Whether a layer of superclass folders lies above the class folders. A class is then named `superclass/class`.
    linked
        Whether links in the folder may lead out of it.

    Returns
    -------
    Dataset
        Its samples are all images below each class folder, however deep. Hidden files and folders are left out, links
        are followed.

    Raises
    ------
    DatasetError
        Where `root` cannot be read, holds images of no class, or a class or superclass is empty; or where a link leads
        out of it without `linked`.
    """
    images = ImageFiles(root, linked)
    superclasses: dict[str, str] = {}
    if nested:
        superclasses = {
            f"{above.name}/{folder.name}": above.name
            for above in _class_folders(root, images.enclosure)
            for folder in _class_folders(above, images.enclosure)
        }
        classes = tuple(superclasses)
    else:
        classes = tuple(folder.name for folder in _class_folders(root, images.enclosure))
    return Dataset(
        name=root.resolve().name or "folder",
        samples=samples_of(classes, root, images.enclosure),
        images=images,
        superclasses=superclasses,
    )


def samples_of(classes: tuple[str, ...], folder: Path, enclosure: Enclosure) -> dict[str, tuple[str, ...]]:
    """Give the samples of classes that are folders in `folder`, as paths relative to the root of `enclosure`.

    Raises
    ------
    DatasetError
        Where a class has no image, or a link leads out of the root.
    """
    samples = {name: images_below(folder / name, enclosure) for name in classes}
    for name, found in samples.items():
        if not found:
            raise no_image_in(folder / name)
    return samples


def no_image_in(folder: object) -> DatasetError:
    """Give what is said of a class folder without an image."""
    return DatasetError(
        f"no image in the class folder {folder}. Add images of a format that Pillow reads, or remove the folder."
    )


def no_class_in(folder: object) -> DatasetError:
    """Give what is said of a folder that holds no class folder."""
    return DatasetError(f"no class folder in {folder}. Give a folder that holds one folder of images a class.")


def _class_folders(parent: Path, enclosure: Enclosure) -> list[Path]:
    check_enclosed(parent, enclosure)
    if loose := images_in(parent):
        raise DatasetError(
            f"{len(loose)} images such as {loose[0]!r} lie directly in {parent}. "
            "Put each image into a folder that is named after its class."
        )
    folders = folders_in(parent)
    if not folders:
        raise no_class_in(parent)
    return folders
