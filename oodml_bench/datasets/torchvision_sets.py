"""`torchvision:NAME:PATH`: any classification dataset of torchvision, all its splits together."""

from __future__ import annotations

import difflib
import inspect
import operator
from bisect import bisect_right
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.datasets.indexed import IndexedImages, samples_by_class
from oodml_bench.datasets.pictures import bombs_as_os_errors
from oodml_bench.errors import DatasetError, DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from PIL.Image import Image

#: Names of splits that hold different images; `trainval` and the like hold those of others again.
SPLITS = ("train", "val", "valid", "validation", "test")

#: The parts of the datasets that do not call them `train` or one of `SPLITS`.
UNUSUAL_PARTS: dict[str, tuple[dict[str, Any], ...]] = {
    "EMNIST": ({"split": "byclass", "train": True}, {"split": "byclass", "train": False}),
    "Omniglot": ({"background": True}, {"background": False}),
    "OxfordIIITPet": ({"split": "trainval"}, {"split": "test"}),
    "Places365": ({"split": "train-standard"}, {"split": "val"}),
}

#: Where torchvision's datasets keep a label a picture, pairs of path and label, and the names of the labels.
LABELS = ("targets", "labels", "_labels", "y")
PAIRS = ("samples", "_samples")
CLASS_NAMES = ("classes", "categories", "all_categories", "_characters")

Part = Any


@dataclass(frozen=True)
class PartPictures:
    """The pictures of the parts of a torchvision dataset, one part after the other."""

    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Image:
        ends = list(accumulate(map(len, self.parts)))
        part = bisect_right(ends, index)
        picture: Image = self.parts[part][index - ends[part] + len(self.parts[part])][0]
        return picture


def read_torchvision(name: str, root: Path) -> Dataset:
    """Read a classification dataset of torchvision, downloading it into `root` where it is not there.

    Parameters
    ----------
    name
        Name of a class in `torchvision.datasets`: `CIFAR100`.
    root
        The folder that its constructor calls `root`.

    Returns
    -------
    Dataset
        All splits together. A class is named as the dataset names it, else by its label.

    Raises
    ------
    DatasetError
        Where torchvision has no such dataset, or it does not label each picture with one class.
    DownloadError
        Where it is not in `root` and cannot be downloaded.
    """
    constructor = _constructor(name)
    try:
        parts = _parts(name, constructor, root)
    except (ValueError, LookupError, AssertionError) as error:
        raise DatasetError(f"torchvision's {name} in {root} is damaged: {error}. Delete it and run again.") from error
    labels = [_labels_of(name, part) for part in parts]
    classes = chain.from_iterable(_named(part, part_labels) for part, part_labels in zip(parts, labels, strict=True))
    pictures = PartPictures(parts)
    return Dataset(
        name=name.lower(),
        samples=samples_by_class(classes, len(pictures)),
        images=IndexedImages(pictures),
    )


def _constructor(name: str) -> Callable[..., Part]:
    from torchvision import datasets

    if name in datasets.__all__ and inspect.isclass(getattr(datasets, name)):
        constructor: Callable[..., Part] = getattr(datasets, name)
        return constructor
    by_lower = {known.lower(): known for known in datasets.__all__}
    close = [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(close)}?" if close else "Its documentation lists them: CIFAR100, Food101, …"
    raise DatasetError(f"torchvision has no dataset {name!r}. {hint}")


def _parts(name: str, constructor: Callable[..., Part], root: Path) -> tuple[Part, ...]:
    """Construct every part of a dataset."""
    parameters = inspect.signature(constructor).parameters
    if name in UNUSUAL_PARTS:
        return tuple(_constructed(name, constructor, root, **arguments) for arguments in UNUSUAL_PARTS[name])
    if "train" in parameters:
        return tuple(_constructed(name, constructor, root, train=train) for train in (True, False))
    if "split" in parameters:
        return _splits(name, constructor, root)
    return (_constructed(name, constructor, root),)


def _splits(name: str, constructor: Callable[..., Part], root: Path) -> tuple[Part, ...]:
    """Construct the splits that a dataset has; it refuses the names of others with a `ValueError`."""
    parts = []
    refusal: ValueError | None = None
    for split in SPLITS:
        try:
            parts.append(_constructed(name, constructor, root, split=split))
        except ValueError as error:
            if "argument split" not in str(error):
                raise
            refusal = error
    if not parts:
        raise DatasetError(f"torchvision's {name} has none of the splits {', '.join(SPLITS)}: {refusal}") from refusal
    return tuple(parts)


def _constructed(name: str, constructor: Callable[..., Part], root: Path, **arguments: object) -> Part:
    """Construct a part from what lies in `root`, else download it."""
    arguments["root"] = str(root)
    try:
        return constructor(**arguments, **_no_download(constructor))
    except TypeError as error:
        raise DatasetError(f"torchvision's {name} cannot be read from a folder alone: {error}") from error
    except (RuntimeError, OSError) as not_there:
        try:
            return constructor(**arguments, download=True)
        except (RuntimeError, OSError, TypeError) as error:
            # A dataset without a download says where its files must lie in what it raised first.
            reason = " ".join(str(not_there if isinstance(error, TypeError) else error).split())
            raise DownloadError(
                f"torchvision's {name} can be neither read from {root} nor downloaded: {reason}. Connect to the "
                f"network, or put the files there by hand: torchvision's documentation of {name} says which."
            ) from error


def _no_download(constructor: Callable[..., Part]) -> dict[str, bool]:
    """Switch the download off, for the datasets that download unless told not to."""
    return {"download": False} if "download" in inspect.signature(constructor).parameters else {}


def _labels_of(name: str, part: Part) -> list[int]:
    """Give the label of each picture of a part."""
    try:
        ends = [_item_label(part, index) for index in (0, len(part) - 1)] if len(part) else []
        for kept in _kept_labels(part):
            # Some datasets keep something else under these names: only what their items also say is believed.
            if len(kept) == len(part) and [kept[index] for index in (0, -1) if kept] == ends:
                return kept
        return [_item_label(part, index) for index in range(len(part))]
    except (TypeError, ValueError) as error:
        raise DatasetError(
            f"torchvision's {name} is not a classification dataset: its labels are not one whole number a picture"
        ) from error
    except OSError as error:
        raise DatasetError(f"cannot read a picture of torchvision's {name}: {error}") from error


def _item_label(part: Part, index: int) -> int:
    with bombs_as_os_errors():
        _, label = part[index]
    return operator.index(label)


def _kept_labels(part: Part) -> Iterator[list[int]]:
    """Give the attributes of a part that may be its labels, those that hold whole numbers."""
    for attribute in (*LABELS, *PAIRS):
        # Some hold a row of numbers or a path in place of a label.
        with suppress(AttributeError, TypeError, ValueError, LookupError):
            values = getattr(part, attribute)
            yield [operator.index(value[-1] if attribute in PAIRS else value) for value in values]


def _named(part: Part, labels: list[int]) -> list[str]:
    """Give the class name of each label: the dataset's own, with the label where two classes share a name."""
    names = next((list(getattr(part, attribute)) for attribute in CLASS_NAMES if hasattr(part, attribute)), [])
    # ImageNet gives the synonyms of each class as a tuple.
    texts = [name if isinstance(name, str) else ", ".join(name) for name in names]
    shared = Counter(texts)
    texts = [f"{text} ({label})" if shared[text] > 1 else text for label, text in enumerate(texts)]
    return [texts[label] if 0 <= label < len(texts) else str(label) for label in labels]
