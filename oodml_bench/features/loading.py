"""Pictures of a dataset as batches of tensors, loaded by worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.utils import data

from oodml_bench.errors import LoaderError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oodml_bench.datasets.dataset import ImageSource
    from oodml_bench.features.networks import Transform


class LoadedBatch(NamedTuple):
    """Pictures that go through the network together. A tuple, so that torch can pin its tensor.

    Attributes
    ----------
    indices
        The samples whose pictures could be read.
    pictures
        (B, 3, S, S) float32: their pictures, in the same order.
    broken
        The other samples, each with the reason why it could not be read.
    """

    indices: list[int]
    pictures: torch.Tensor
    broken: list[tuple[int, str]]


#: A sample's index, and its (3, S, S) picture or the reason why there is none.
LoadedPicture = tuple[int, "torch.Tensor | str"]


@dataclass(frozen=True)
class Pictures(data.Dataset[LoadedPicture]):
    """The transformed pictures of samples."""

    samples: Sequence[str]
    images: ImageSource
    transform: Transform

    def __getitem__(self, index: int) -> LoadedPicture:
        try:
            picture = self.images.open(self.samples[index])
        except OSError as error:
            return index, str(error)
        return index, self.transform(picture)


def load_batches(
    pictures: data.Dataset[LoadedPicture], batches: Iterable[Sequence[Any]], *, workers: int, pinned: bool
) -> Iterator[LoadedBatch]:
    """Give the pictures of each batch of indices, in order. torch's random state is left as it is.

    Parameters
    ----------
    pictures
        All pictures, by whatever index they take: `Pictures` takes numbers.
    batches
        The indices of each batch; asked for a few batches ahead.
    workers
        Number of loader processes; 0 loads in this process.
    pinned
        Whether the pictures go to an NVIDIA GPU.
    """
    loader = data.DataLoader(
        pictures,
        batch_sampler=batches,  # type: ignore[arg-type]  # any iterable of index lists will do
        num_workers=min(workers, len(batches)) if isinstance(batches, Sized) else workers,
        collate_fn=_batch_of,
        pin_memory=pinned,
        worker_init_fn=_prepare_worker,
        # Without one of its own it draws the workers' seeds from torch's.
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except StorageError as error:
        # Of a loader process torch gives the whole traceback as the message.
        raise StorageError(str(error).strip().rpartition("oodml_bench.errors.StorageError: ")[2]) from error


@contextmanager
def explained_loader_deaths() -> Iterator[None]:
    """Turn torch's complaint about a loader process that died into a `LoaderError` that says what to do.

    Around whole calls that run loaders: torch complains wherever the main process just is, also while it cleans up.
    """
    try:
        yield
    except RuntimeError as error:
        reason = str(error).partition(". ")[0].partition("\n")[0]
        if not reason.startswith("DataLoader worker"):
            raise
        raise LoaderError(
            f"a process that loads pictures died, often since memory was full ({reason}). What is finished is kept: "
            "run the same command again to continue, with fewer --workers; with 0, no other process is needed."
        ) from error


def _batch_of(loaded: list[LoadedPicture]) -> LoadedBatch:
    whole = {index: picture for index, picture in loaded if not isinstance(picture, str)}
    broken = [(index, reason) for index, reason in loaded if isinstance(reason, str)]
    return LoadedBatch(list(whole), torch.stack(list(whole.values())) if whole else torch.empty(0), broken)


def _prepare_worker(_: int) -> None:
    # Ctrl-C reaches every process; without this each worker would print a traceback of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_main_process, daemon=True).start()


def _end_with_the_main_process() -> None:
    # torch's workers notice that the main process was killed only where it is their direct parent, which it is not
    # when they are started by a fork server.
    if main := multiprocessing.parent_process():
        connection.wait([main.sentinel])
        os._exit(1)
