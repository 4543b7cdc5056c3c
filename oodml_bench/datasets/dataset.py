"""A dataset: labelled images as classes, each with named samples and perhaps a superclass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from PIL.Image import Image

#: Stands for the digest of a sample that cannot be read.
UNREADABLE = hashlib.sha256(b"unreadable").digest()


class ImageSource(Protocol):
    """Where the pictures of a dataset come from. Picklable, since loader processes receive a copy."""

    def open(self, sample: str) -> Image:
        """Give the picture of a sample, fully decoded, in mode RGB; raises `OSError` where it is broken."""
        ...

    def digest(self, sample: str) -> bytes:
        """Give a SHA-256 digest of the sample's content: equal content, equal digest."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    Attributes
    ----------
    name
        Short name of the dataset: `cub200`.
    samples
        The samples of each class: paths relative to the dataset's root, `/`-separated, sorted.
    images
        Opens a sample.
    superclasses
        The superclass of each class; empty where there is none.
    default_halves
        The train and the test classes of the dataset's own split; None: the first and the second half of the sorted
        classes.
    notes
        What a user should know about how the dataset was read, a sentence each.

    Raises
    ------
    DatasetError
        Where there is no class, a class has no sample, a name cannot be written as UTF-8, a superclass is missing,
        or the default halves overlap or name unknown classes.
    """

    name: str
    samples: Mapping[str, tuple[str, ...]]
    images: ImageSource = field(repr=False)
    superclasses: Mapping[str, str] = field(default_factory=dict, repr=False)
    default_halves: tuple[tuple[str, ...], tuple[str, ...]] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.samples:
            raise DatasetError(f"dataset {self.name} holds no class")
        empty = [name for name, samples in self.samples.items() if not samples]
        if empty:
            raise DatasetError(f"dataset {self.name}: no image in class {_listed(empty)}")
        self._check_names()
        if self.superclasses and set(self.superclasses) != set(self.samples):
            raise DatasetError(f"dataset {self.name}: some classes have a superclass and some have none")
        self._check_default_halves()

    def _check_names(self) -> None:
        for class_name, samples in self.samples.items():
            for name in (class_name, *samples):
                try:
                    name.encode("utf-8")
                except UnicodeEncodeError as error:
                    raise DatasetError(
                        f"dataset {self.name}: the name {name!r} is not valid UTF-8. Rename it, then run again."
                    ) from error

    def _check_default_halves(self) -> None:
        if self.default_halves is None:
            return
        train, test = map(set, self.default_halves)
        if train & test:
            raise DatasetError(f"dataset {self.name}: on both sides of its default split: {_listed(train & test)}")
        if unknown := (train | test) - set(self.samples):
            raise DatasetError(f"dataset {self.name}: its default split names unknown classes: {_listed(unknown)}")

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, sorted."""
        return tuple(sorted(self.samples))

    @property
    def sample_count(self) -> int:
        """The number of samples of all classes together."""
        return sum(map(len, self.samples.values()))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, over every class, superclass, sample name and sample content, in sorted order.

        Reads every sample once.
        """
        return self.fingerprint_from(digest_of(self.images, sample) for _, sample in self.in_order())

    def fingerprint_from(self, digests: Iterable[bytes]) -> str:
        """Give the fingerprint from the digest of each sample, in the order of `in_order`."""
        total = hashlib.sha256()
        for (class_name, sample), digest in zip(self.in_order(), digests, strict=True):
            for text in (class_name, self.superclasses.get(class_name, ""), sample):
                total.update(hashlib.sha256(text.encode("utf-8")).digest())
            total.update(digest)
        return total.hexdigest()

    def in_order(self) -> Iterator[tuple[str, str]]:
        """Give the (class, sample) pairs in sorted order."""
        return ((name, sample) for name in self.classes for sample in sorted(self.samples[name]))


def digest_of(images: ImageSource, sample: str) -> bytes:
    """Give the digest of a sample, `UNREADABLE` where it cannot be read."""
    try:
        return images.digest(sample)
    except OSError:
        # Broken, not gone: extraction names it, or skips it where that was asked for.
        return UNREADABLE


def _listed(names: Iterable[str], most: int = 5) -> str:
    """Give the first few of some names, sorted, for a message."""
    ordered = sorted(names)
    rest = len(ordered) - most
    return ", ".join(map(repr, ordered[:most])) + (f" and {rest} more" if rest > 0 else "")
