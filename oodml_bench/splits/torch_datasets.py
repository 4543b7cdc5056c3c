"""The levels and episodes of a benchmark as datasets of torch, for code of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch.utils import data as torch_data

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError, SplitError
from oodml_bench.locations import location
from oodml_bench.splits.benchmark import Benchmark, level_of

if TYPE_CHECKING:
    from PIL.Image import Image

Transform = Callable[["Image"], Any]


@dataclass(frozen=True)
class ImageSet(torch_data.Dataset[tuple[Any, int]]):
    """Images of some classes, as torchvision's `ImageFolder` gives them: item i is (image, label).

    Attributes
    ----------
    dataset
        Opens the images.
    classes
        Names of the classes, sorted; a label is a position in it.
    samples
        Names of the samples.
    targets
        Their labels.
    transform
        What is made of an image; None: it stays a PIL image in RGB.
    """

    dataset: Dataset
    classes: tuple[str, ...]
    samples: tuple[str, ...]
    targets: tuple[int, ...]
    transform: Transform | None = None

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Open an image.

        Raises
        ------
        OSError
            Where it cannot be read.
        """
        image = self.dataset.images.open(self.samples[index])
        return image if self.transform is None else self.transform(image), self.targets[index]


@dataclass(frozen=True)
class LevelDatasets:
    """The parts of a level; labels of each count from 0.

    Attributes
    ----------
    train
        What is trained on: `split_train` where the level has validation classes, else all train classes.
    validation
        Held-out train classes, to select a model by; None where the level has none.
    test
        The test classes.
    """

    train: ImageSet
    validation: ImageSet | None
    test: ImageSet


@dataclass(frozen=True)
class EpisodeDatasets:
    """The parts of a few-shot episode.

    Attributes
    ----------
    support
        The labelled samples.
    query
        What is scored. Its labels are those of the support, unless whole classes are support: then its classes are
        others.
    """

    support: ImageSet
    query: ImageSet


def level_datasets(
    benchmark: Benchmark, number: int, data: Dataset | Path | str, transform: Transform | None = None
) -> LevelDatasets:
    """Give the train, validation and test images of a level.

    Parameters
    ----------
    benchmark
        The benchmark.
    number
        Number of the level.
    data
        The images: a dataset; a specification such as `cub200:/data/cub200`; or a folder with one folder a class.
    transform
        What is made of an image, such as the transforms of torchvision.

    Raises
    ------
    SplitError
        Where there is no such level.
    DatasetError
        Where the images cannot be opened, or lack classes of the level.
    """
    level, dataset = level_of(benchmark, number), _opened(data)
    samples = _samples_of(dataset, {*level.train, *level.test}, benchmark)
    validation = _image_set(dataset, samples, level.split_val, transform) if level.split_val else None
    train = level.split_train if level.split_val else level.train
    return LevelDatasets(
        _image_set(dataset, samples, train, transform), validation, _image_set(dataset, samples, level.test, transform)
    )


def episode_datasets(
    benchmark: Benchmark,
    number: int,
    shots: int,
    episode: int,
    data: Dataset | Path | str,
    transform: Transform | None = None,
) -> EpisodeDatasets:
    """Give the support and the query images of a few-shot episode.

    Parameters
    ----------
    benchmark, number, data, transform
        As for `level_datasets`.
    shots, episode
        Which episode; they count from 0.

    Raises
    ------
    SplitError
        Where there is no such level or episode.
    DatasetError
        Where the images cannot be opened, or lack classes of the level or samples of the episode.
    """
    level, dataset = level_of(benchmark, number), _opened(data)
    known = level.test_episodes.get(shots, {})
    if episode not in known:
        there = ", ".join(f"{count} shots: {len(drawn)}" for count, drawn in level.test_episodes.items()) or "none"
        raise SplitError(f"level {number} has no episode {episode} of {shots} shots; it has {there}, counted from 0")
    samples = _samples_of(dataset, level.test, benchmark)
    chosen = known[episode]
    if not isinstance(chosen, Mapping):
        rest = set(level.test) - set(chosen)
        return EpisodeDatasets(*(_image_set(dataset, samples, part, transform) for part in (chosen, rest)))
    support = {name: _named(samples[name], names, name) for name, names in chosen.items()}
    query = {name: _without(samples[name], set(support[name])) for name in chosen}
    return EpisodeDatasets(*(_image_set(dataset, part, chosen, transform) for part in (support, query)))


def _opened(data: Dataset | Path | str) -> Dataset:
    if isinstance(data, Dataset):
        return data
    return open_dataset(f"folder:{data}" if location(data).is_dir() else str(data))


def _samples_of(dataset: Dataset, classes: Iterable[str], benchmark: Benchmark) -> Mapping[str, Sequence[str]]:
    if missing := sorted(set(classes) - set(dataset.classes)):
        raise DatasetError(
            f"dataset {dataset.name} lacks {len(missing)} classes of this level of the benchmark {benchmark.name}, "
            f"such as {missing[0]!r}; it has {len(dataset.classes)}, such as {dataset.classes[0]!r}. Give the dataset "
            "that the benchmark was made of."
        )
    return dataset.samples


def _named(samples: Sequence[str], names: Sequence[str], class_name: str) -> list[str]:
    by_name = {name_in_class(class_name, sample): sample for sample in samples}
    if missing := [name for name in names if name not in by_name]:
        raise DatasetError(
            f"class {class_name!r} lacks {len(missing)} support samples of this episode, such as {missing[0]!r}. Give "
            "the dataset that the benchmark was made of."
        )
    return [by_name[name] for name in names]


def _without(samples: Sequence[str], left_out: set[str]) -> list[str]:
    return [sample for sample in samples if sample not in left_out]


def _image_set(
    dataset: Dataset, samples: Mapping[str, Sequence[str]], classes: Iterable[str], transform: Transform | None
) -> ImageSet:
    ordered = tuple(sorted(classes))
    pairs = [(sample, label) for label, name in enumerate(ordered) for sample in samples[name]]
    return ImageSet(dataset, ordered, tuple(s for s, _ in pairs), tuple(label for _, label in pairs), transform)
