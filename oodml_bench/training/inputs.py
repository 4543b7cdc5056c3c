"""What an embedder is fed: pictures that are loaded and changed at random, or features in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils import data

from oodml_bench.errors import DatasetError
from oodml_bench.features.loading import LoadedPicture, load_batches
from oodml_bench.training.seeding import generator_for

if TYPE_CHECKING:
    from oodml_bench.datasets import ImageSource
    from oodml_bench.features.networks import Transform
    from oodml_bench.training.augmentation import FixedTransform, RandomTransform

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples that go through the embedder together.

    Attributes
    ----------
    rows
        (B,) int64: the samples.
    epoch
        From 0, for training, which may change inputs at random; None: for evaluation, which never does.
    first
        How many samples the epoch's earlier batches hold.
    views
        How many times each sample is loaded: the inputs of all are given one view after the other.
    """

    rows: Rows
    epoch: int | None = None
    first: int = 0
    views: int = 1


def in_order(rows: Rows, size: int) -> Iterator[Batch]:
    """Give the batches that evaluate samples in their order."""
    return (Batch(rows[start : start + size]) for start in range(0, len(rows), size))


class Inputs(Protocol):
    """Gives the inputs of samples, on the CPU, by the samples' rows."""

    def load(self, batches: Iterable[Batch]) -> Iterator[torch.Tensor]:
        """Give the inputs of each batch in turn: (views B, ...) float32.

        `batches` may be asked for ahead of the batch that is given.
        """
        ...


@dataclass(frozen=True, eq=False)
class FeatureInputs:
    """Features in memory: (N, F) float32. Training changes nothing about them: all views are the same."""

    features: torch.Tensor = field(repr=False)

    def load(self, batches: Iterable[Batch]) -> Iterator[torch.Tensor]:
        """Give the features of each batch in turn."""
        return (self.features[torch.from_numpy(np.tile(batch.rows, batch.views))] for batch in batches)


@dataclass(frozen=True, eq=False)
class PictureInputs:
    """Pictures of a dataset, loaded when they are needed.

    What is random about a picture depends on the seed, the epoch, its position in the epoch and the view alone: not on
    the number of worker processes, nor on where a continued run began.

    Attributes
    ----------
    samples
        Names of all samples.
    images
        Opens them.
    training, evaluation
        The two transforms.
    seed
        Of the run.
    workers
        Loader processes; 0 loads in this process.
    pinned
        Whether the pictures go to an NVIDIA GPU.
    """

    samples: Sequence[str] = field(repr=False)
    images: ImageSource = field(repr=False)
    training: RandomTransform | FixedTransform
    evaluation: Transform = field(repr=False)
    seed: int
    workers: int = 0
    pinned: bool = False

    def load(self, batches: Iterable[Batch]) -> Iterator[torch.Tensor]:
        """Give the pictures of each batch in turn, by one set of loader processes for all of them.

        Raises
        ------
        DatasetError
            Where a picture cannot be read.
        """
        pictures = _Pictures(self.samples, self.images, self.training, self.evaluation, self.seed)
        for loaded in load_batches(pictures, _Places(batches), workers=self.workers, pinned=self.pinned):
            if loaded.broken:
                raise DatasetError(
                    f"a picture cannot be used: {loaded.broken[0][1]}. Repair it, then run the same again."
                )
            yield loaded.pictures


class _Place(NamedTuple):
    """Which picture of a batch this is."""

    slot: int
    epoch: int | None
    position: int
    view: int
    row: int


@dataclass(frozen=True)
class _Places:
    """The place of every picture of the batches, as a loader takes them: without a length."""

    batches: Iterable[Batch]

    def __iter__(self) -> Iterator[list[_Place]]:
        for batch in self.batches:
            rows = batch.rows.tolist()
            yield [
                _Place(view * len(rows) + number, batch.epoch, batch.first + number, view, row)
                for view in range(batch.views)
                for number, row in enumerate(rows)
            ]


@dataclass(frozen=True)
class _Pictures(data.Dataset[LoadedPicture]):
    """The pictures of places, each as training or evaluation wants it."""

    samples: Sequence[str]
    images: ImageSource
    training: RandomTransform | FixedTransform
    evaluation: Transform
    seed: int

    def __getitem__(self, place: _Place) -> LoadedPicture:
        slot, epoch, position, view, row = place
        try:
            picture = self.images.open(self.samples[row])
        except OSError as error:
            return slot, str(error)
        if epoch is None:
            return slot, self.evaluation(picture)
        # The first view's numbers are those of runs with one view.
        further = (view,) if view else ()
        return slot, self.training(picture, generator_for("augmentation", self.seed, epoch, position, *further))
