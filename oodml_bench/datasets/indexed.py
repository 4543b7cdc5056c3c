"""Pictures that are found by number, not by file."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from oodml_bench.datasets.pictures import as_rgb, broken_pictures_as_os_errors, digest_of_pixels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PIL.Image import Image


class Pictures(Protocol):
    """A random-access collection of pictures."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Image: ...


@dataclass(frozen=True)
class IndexedImages:
    """The image source of samples that are numbers: a sample is an index into `pictures`, padded with zeros."""

    pictures: Pictures

    def open(self, sample: str) -> Image:
        """Give a picture of the collection, decoded, in mode RGB."""
        with broken_pictures_as_os_errors(f"number {sample}"):
            return as_rgb(self.pictures[int(sample)])

    def digest(self, sample: str) -> bytes:
        """Give the SHA-256 digest of a picture's size and RGB pixels."""
        return digest_of_pixels(self.open(sample))


def samples_by_class(classes: Iterable[str | None], count: int) -> dict[str, tuple[str, ...]]:
    """Give the samples of each class from the class of each of `count` pictures; None: the picture has no class."""
    width = len(str(max(count - 1, 0)))
    samples: dict[str, list[str]] = defaultdict(list)
    for index, class_name in enumerate(classes):
        if class_name is not None:
            samples[class_name].append(f"{index:0{width}d}")
    return {class_name: tuple(found) for class_name, found in samples.items()}
