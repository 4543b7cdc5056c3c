"""Extraction: from the images of a dataset to a feature store."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.errors import BackboneError, InputError
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.describing import meta_of
from oodml_bench.features.devices import choose_device, choose_precision, default_workers, sparing_cpus
from oodml_bench.features.forward import Forward, pictures_at_once
from oodml_bench.features.loading import LoadedBatch, Pictures, explained_loader_deaths, load_batches
from oodml_bench.features.sample_order import batches_of_part, broken_picture, skipped_samples
from oodml_bench.features.store_writing import (
    Rows,
    begin_store,
    finish_store,
    finished_store,
    parts_to_write,
    write_part,
)
from oodml_bench.locations import location
from oodml_bench.locks import held
from oodml_bench.progress import Advance, progress_of, working_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from oodml_bench.features.shards import Shard
    from oodml_bench.features.store import FeatureStore


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    Attributes
    ----------
    store
        The store: complete, except where other shards have still something to do.
    computed
        Number of samples whose features this call computed; 0 where the store was complete already.
    skipped
        The samples that the store lacks because they are broken.
    """

    store: FeatureStore
    computed: int
    skipped: tuple[str, ...]


@explained_loader_deaths()
def extract(
    dataset: Dataset | str,
    out: Path | str,
    *,
    backbone: str | Backbone = "resnet50",
    weights: Path | str | None = None,
    image_size: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 64,
    workers: int | None = None,
    skip_broken: bool = False,
    part_size: int = 1024,
    shard: Shard | None = None,
    progress: bool = False,
) -> Extraction:
    """Compute the features of every sample of a dataset, and write them to a feature store.

    A run that was stopped at any moment is continued by the same call, and then gives the same bytes as one that was
    not stopped; files of the store that were damaged since are computed again. Features are stored as float32. On the
    CPU a picture's feature depends, to the last bit, neither on the batch size, nor on the numbers of workers and
    threads, nor on the pictures around it; on a GPU it depends on them by rounding.

    Parameters
    ----------
    dataset
        A dataset, or what `oodml_bench.datasets.open_dataset` takes: `folder:photos`.
    out
        The store's folder: new, empty, or the one of an unfinished run of the same call.
    backbone, weights, image_size
        See `load_backbone`; a backbone that is loaded already is taken as it is.
    device, precision
        See `choose_device` and `choose_precision`.
    batch_size
        Pictures that go through the network at once on a GPU; on the CPU it is always `CPU_BATCH`.
    workers
        Loader processes; None: see `default_workers`. 0 loads in this process.
    skip_broken
        Leave out samples whose picture cannot be read, and list them in the store, instead of stopping.
    part_size
        Samples of one file of the store: at most that much work is repeated after an interruption.
    shard
        Compute only this share of the files. Shards may write to one folder at the same time, or to folders of their
        own whose files are then put into one. The store is complete once a shard, or a call without one, finds no file
        missing.
    progress
        Show progress on standard error.

    Raises
    ------
    DatasetError
        Where a picture cannot be read and `skip_broken` is off, or all pictures of a class cannot be read.
    BackboneError
        Where the backbone, its weights, the device or the precision cannot be used.
    FeatureError
        Where the folder holds features of another kind, or a feature is not finite.
    OutputExistsError
        Where the folder holds other files.
    OutputError
        Where the folder cannot be written or is full.
    LockedError
        Where another process is extracting into the folder.
    LoaderError
        Where a loader process died.
    """
    check_sizes(batch_size=batch_size, part_size=part_size, workers=workers)
    place = choose_device(device)
    chosen_precision = choose_precision(precision, place)
    with working_on("Loading the backbone and taking the dataset's fingerprint", shown=progress):
        images = opened(dataset)
        network = _loaded(backbone, weights, image_size)
        meta = meta_of(images, images.fingerprint, network, chosen_precision, part_size)
    folder = location(out)
    if (finished := finished_store(folder, meta)) is not None:
        return Extraction(finished, 0, tuple(finished.meta.skipped))
    processes = default_workers(place) if workers is None else workers
    with held(folder, share=None if shard is None else str(shard)), sparing_cpus(place):
        store = begin_store(folder, meta)
        run = _Run(images, network, store, place, pictures_at_once(place.type, batch_size), processes, skip_broken)
        its_parts = range(store.meta.part_count) if shard is None else shard.parts_of(store.meta.part_count)
        computed = run.compute_parts(parts_to_write(store, its_parts), progress=progress)
        if not (store.meta.complete or store.missing_parts):
            store = finish_store(store, skipped_samples(images, store))
    return Extraction(store, computed, tuple(store.meta.skipped))


def check_sizes(*, batch_size: int, part_size: int, workers: int | None) -> None:
    """Raise `InputError` where a size is too small."""
    for name, value, least in (("batch size", batch_size, 1), ("part size", part_size, 1), ("workers", workers, 0)):
        if value is not None and value < least:
            raise InputError(f"{name} {value} is too small; allowed: {least} or more")


def opened(dataset: Dataset | str) -> Dataset:
    """Give a dataset, which may be told as `folder:photos`."""
    if isinstance(dataset, Dataset):
        return dataset
    from oodml_bench.datasets import open_dataset

    return open_dataset(dataset)


def _loaded(backbone: str | Backbone, weights: Path | str | None, image_size: int | None) -> Backbone:
    if isinstance(backbone, str):
        return load_backbone(backbone, weights=None if weights is None else Path(weights), image_size=image_size)
    if weights is not None or image_size is not None:
        raise BackboneError("weights and image size belong to load_backbone; this backbone is loaded already")
    return backbone


@dataclass(frozen=True)
class _Run:
    """One call's work on a store that lacks parts."""

    dataset: Dataset
    backbone: Backbone
    store: FeatureStore
    device: torch.device
    batch_size: int
    workers: int
    skip_broken: bool

    def compute_parts(self, parts: Sequence[int], *, progress: bool) -> int:
        """Compute and write parts; give the number of samples computed."""
        order = list(self.dataset.in_order())
        forward = Forward(self.backbone.module, self.device, self.store.meta.precision, self.batch_size)
        size = self.store.meta.part_size
        missing = {part: batches_of_part(part, size, len(order), self.batch_size) for part in parts}
        batches = [batch for its_batches in missing.values() for batch in its_batches]
        pictures = Pictures([sample for _, sample in order], self.dataset.images, self.backbone.transform)
        loaded = load_batches(pictures, batches, workers=self.workers, pinned=self.device.type == "cuda")
        computed = 0
        with progress_of("Extracting features", sum(map(len, batches)), shown=progress) as advance:
            for part, its_batches in missing.items():
                rows = self._rows(order, forward, islice(loaded, len(its_batches)), advance)
                write_part(self.store, part, rows)
                computed += len(rows.samples)
        return computed

    def _rows(
        self, order: Sequence[tuple[str, str]], forward: Forward, loaded: Iterator[LoadedBatch], advance: Advance
    ) -> Rows:
        """Compute the rows of one part from its batches."""
        features = [np.empty((0, self.backbone.dimension), np.float32)]
        kept: list[tuple[str, str]] = []
        for batch in loaded:
            if batch.broken and not self.skip_broken:
                index, reason = batch.broken[0]
                raise broken_picture(self.dataset.name, *order[index], reason)
            if batch.indices:
                names = [order[index] for index in batch.indices]
                features.append(forward(batch.pictures, names))
                kept += names
            advance(len(batch.indices) + len(batch.broken))
        superclasses = [self.dataset.superclasses.get(class_name) for class_name, _ in kept]
        return Rows([sample for _, sample in kept], [name for name, _ in kept], superclasses, np.concatenate(features))
