"""Extraction: from the images of a dataset to a feature store."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import torch

from oodml_bench.datasets.dataset import Dataset
from oodml_bench.errors import BackboneError, DatasetError, FeatureError, InputError
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.devices import autocast, choose_device, choose_precision, default_workers, sparing_cpus
from oodml_bench.features.loading import LoadedBatch, Pictures, load_batches
from oodml_bench.features.store_meta import DatasetMeta, Halves, StoreMeta, WeightsMeta
from oodml_bench.features.store_writing import Rows, begin_store, finish_store, write_part
from oodml_bench.progress import Advance, progress_of, working_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from oodml_bench.features.store import FeatureStore


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    Attributes
    ----------
    store
        The complete store.
    computed
        Number of samples whose features this call computed; 0 where the store was complete already.
    skipped
        The samples that the store lacks because they are broken.
    """

    store: FeatureStore
    computed: int
    skipped: tuple[str, ...]


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
    progress: bool = False,
) -> Extraction:
    """Compute the features of every sample of a dataset, and write them to a feature store.

    A run that was stopped at any moment is continued by the same call, and then gives the same bytes as one that was
    not stopped. Features are stored as float32. They do not depend on the number of workers, and on the batch size
    only by the rounding of float32 sums: on the CPU about 1e-5 relative to a feature's length.

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
        Pictures that go through the network at once.
    workers
        Loader processes; None: see `default_workers`. 0 loads in this process.
    skip_broken
        Leave out samples whose picture cannot be read, and list them in the store, instead of stopping.
    part_size
        Samples of one file of the store: at most that much work is repeated after an interruption.
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
    """
    _check_sizes(batch_size=batch_size, part_size=part_size, workers=workers)
    place = choose_device(device)
    chosen_precision = choose_precision(precision, place)
    with working_on("Loading the backbone and taking the dataset's fingerprint", shown=progress):
        images = _opened(dataset)
        network = _loaded(backbone, weights, image_size)
        meta = _meta_of(images, network, chosen_precision, part_size)
    store = begin_store(Path(out), meta)
    if store.complete:
        return Extraction(store, 0, tuple(store.meta.skipped))
    processes = default_workers(place) if workers is None else workers
    run = _Run(images, network, store, place, batch_size, processes, skip_broken)
    with sparing_cpus(place):
        computed = run.compute_missing_parts(progress=progress)
    store = finish_store(store, _skipped_samples(images, store))
    return Extraction(store, computed, tuple(store.meta.skipped))


def _check_sizes(*, batch_size: int, part_size: int, workers: int | None) -> None:
    for name, value, least in (("batch size", batch_size, 1), ("part size", part_size, 1), ("workers", workers, 0)):
        if value is not None and value < least:
            raise InputError(f"{name} {value} is too small; allowed: {least} or more")


def _opened(dataset: Dataset | str) -> Dataset:
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


def _meta_of(dataset: Dataset, backbone: Backbone, precision: str, part_size: int) -> StoreMeta:
    halves = dataset.default_halves
    return StoreMeta(
        dataset=DatasetMeta(
            name=dataset.name,
            fingerprint=dataset.fingerprint,
            sample_count=dataset.sample_count,
            default_halves=None if halves is None else Halves(train=list(halves[0]), test=list(halves[1])),
        ),
        backbone=backbone.name,
        weights=WeightsMeta(id=backbone.weights_id, sha256=backbone.weights_sha256),
        transform=backbone.transform_description,
        dimension=backbone.dimension,
        precision=precision,
        part_size=part_size,
        versions=_versions(backbone),
    )


def _versions(backbone: Backbone) -> dict[str, str]:
    used = ["torch", "torchvision", "pillow"]
    if type(backbone.module).__module__.startswith("timm."):
        used.append("timm")
    return {library: version(library) for library in used}


def _in_order(dataset: Dataset) -> list[tuple[str, str]]:
    """Give the (class, sample) pairs of a dataset in the order of a store."""
    return [(name, sample) for name in dataset.classes for sample in dataset.samples[name]]


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

    def compute_missing_parts(self, *, progress: bool) -> int:
        """Compute and write every part that does not exist; give the number of samples computed."""
        order = _in_order(self.dataset)
        missing = {part: self._batches_of_part(part, len(order)) for part in self.store.missing_parts}
        batches = [batch for batches_of_part in missing.values() for batch in batches_of_part]
        pictures = Pictures([sample for _, sample in order], self.dataset.images, self.backbone.transform)
        loaded = load_batches(pictures, batches, workers=self.workers, pinned=self.device.type == "cuda")
        self.backbone.module.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        computed = 0
        with progress_of("Extracting features", sum(map(len, batches)), shown=progress) as advance:
            for part, batches_of_part in missing.items():
                rows = self._rows(order, loaded, len(batches_of_part), advance)
                write_part(self.store, part, rows)
                computed += len(rows.samples)
        return computed

    def _batches_of_part(self, part: int, sample_count: int) -> list[range]:
        # No batch crosses a part: so a sample's batch, and its feature's last bit, is the same in a continued run.
        start = part * self.store.meta.part_size
        stop = min(start + self.store.meta.part_size, sample_count)
        return [range(at, min(at + self.batch_size, stop)) for at in range(start, stop, self.batch_size)]

    def _rows(
        self, order: Sequence[tuple[str, str]], loaded: Iterator[LoadedBatch], count: int, advance: Advance
    ) -> Rows:
        """Compute the rows of one part from its `count` batches."""
        features = [np.empty((0, self.backbone.dimension), np.float32)]
        kept: list[tuple[str, str]] = []
        for batch in islice(loaded, count):
            if batch.broken and not self.skip_broken:
                self._refuse_broken(order, *batch.broken[0])
            if batch.indices:
                names = [order[index] for index in batch.indices]
                features.append(self._features(batch.pictures))
                _refuse_not_finite(names, features[-1])
                kept += names
            advance(len(batch.indices) + len(batch.broken))
        superclasses = [self.dataset.superclasses.get(class_name) for class_name, _ in kept]
        return Rows([sample for _, sample in kept], [name for name, _ in kept], superclasses, np.concatenate(features))

    def _refuse_broken(self, order: Sequence[tuple[str, str]], index: int, reason: str) -> NoReturn:
        class_name, sample = order[index]
        raise DatasetError(
            f"dataset {self.dataset.name}: image {sample} of class {class_name} cannot be read ({reason}). "
            "Repair it, or pass --skip-broken to leave such images out."
        )

    def _features(self, pictures: torch.Tensor) -> NDArray[np.float32]:
        batch = pictures.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(self.store.meta.precision, self.device):
            features: NDArray[np.float32] = self.backbone.module(batch).float().cpu().numpy()
        return features


def _refuse_not_finite(names: Sequence[tuple[str, str]], features: NDArray[np.float32]) -> None:
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        class_name, sample = names[bad[0]]
        raise FeatureError(
            f"the feature of image {sample} of class {class_name} is not finite (NaN or infinite). "
            "Use --precision float32, or other weights."
        )


def _skipped_samples(dataset: Dataset, store: FeatureStore) -> list[str]:
    """Give the samples that a store lacks, in order; refuse where these are all of a class."""
    stored: set[tuple[str, str]] = set()
    for batch in store.batches(["class", "sample"]):
        stored.update(zip(batch["class"].to_pylist(), batch["sample"].to_pylist(), strict=True))
    lost = sorted(set(dataset.classes) - {class_name for class_name, _ in stored})
    if lost:
        raise DatasetError(
            f"dataset {dataset.name}: no image of class {', '.join(map(repr, lost[:5]))} can be read"
            f"{f' (and of {len(lost) - 5} more classes)' if len(lost) > 5 else ''}. "
            "Repair its images, or remove the class from the dataset."
        )
    return [sample for class_name, sample in _in_order(dataset) if (class_name, sample) not in stored]
