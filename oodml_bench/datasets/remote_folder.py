"""`folder:URL` and `nested:URL`: one folder a class, in storage such as `s3://bucket/products`."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.enclosure import leads_out
from oodml_bench.datasets.files import decoded, is_image_name
from oodml_bench.datasets.folder import no_class_in, no_image_in
from oodml_bench.datasets.pictures import broken_pictures_as_os_errors
from oodml_bench.errors import DatasetError
from oodml_bench.remote import RemotePath

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PIL.Image import Image


@dataclass(frozen=True)
class RemoteImages:
    """The image source of samples that lie below one URL: a sample is what follows the URL."""

    root: RemotePath

    def open(self, sample: str) -> Image:
        """Give the picture of a sample, decoded, in mode RGB; raises `StorageError` where it cannot be fetched."""
        path = self.root / sample
        content = path.read_bytes()
        with broken_pictures_as_os_errors(str(path)):
            return decoded(io.BytesIO(content))

    def digest(self, sample: str) -> bytes:
        """Give the SHA-256 digest of a sample's bytes."""
        return hashlib.sha256((self.root / sample).read_bytes()).digest()


def read_remote_folder(root: RemotePath, *, nested: bool = False) -> Dataset:
    """Read a folder at a URL that holds one folder a class; what `read_folder` gives of the same files on this machine.

    Parameters
    ----------
    root
        The folder.
    nested
        Whether a layer of superclass folders lies above the class folders.

    Raises
    ------
    StorageError
        Where the storage cannot be reached, or refuses.
    DatasetError
        Where the folder holds no class, images of no class, or a class without an image; or where a name in it is no
        path.
    """
    depth = 2 if nested else 1
    samples: dict[str, list[str]] = {}
    # The folders that hold class folders, and whether each does.
    parents = {"": False}
    for name in _names_below(root):
        *folders, file = name.split("/")
        visible = list(takewhile(_is_visible, folders[:depth]))
        is_sample = is_image_name(file) and all(map(_is_visible, [*folders, file]))
        if len(visible) == depth:
            found = samples.setdefault("/".join(visible), [])
            found += [name] if is_sample else []
            parents["/".join(visible[:-1])] = True
        elif is_sample:
            raise DatasetError(
                f"the image {file!r} lies directly in {_joined(root, visible)}. "
                "Put each image into a folder that is named after its class."
            )
        else:
            parents.setdefault("/".join(visible), False)
    _check(root, samples, parents)
    return Dataset(
        name=root.name,
        samples={name: tuple(sorted(samples[name])) for name in sorted(samples)},
        images=RemoteImages(root),
        superclasses={name: name.split("/")[0] for name in samples} if nested else {},
    )


def _joined(root: RemotePath, folders: Sequence[str]) -> str:
    return "/".join((str(root), *folders))


def _is_visible(part: str) -> bool:
    return not part.startswith(".")


def _check(root: RemotePath, samples: Mapping[str, list[str]], parents: Mapping[str, bool]) -> None:
    for parent, has_classes in parents.items():
        # Those of superclasses lie in the root.
        if not has_classes and not (parent == "" and len(parents) > 1):
            raise no_class_in(_joined(root, [parent] if parent else []))
    for name, found in samples.items():
        if not found:
            raise no_image_in(_joined(root, [name]))


def _names_below(root: RemotePath) -> Iterator[str]:
    try:
        found = root.files_below()
    except FileNotFoundError as error:
        raise DatasetError(f"cannot read the folder {root}: {error}") from error
    for name in found:
        if leads_out(name, PurePosixPath) or PurePosixPath(name).as_posix() != name:
            raise DatasetError(f"{root} holds {name!r}, which is no path. Rename it, then run again.")
        yield name
