"""The samples of a dataset in the order of a feature store, and those that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oodml_bench.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oodml_bench.datasets.dataset import Dataset
    from oodml_bench.features.store import FeatureStore


def batches_of_part(part: int, part_size: int, sample_count: int, batch_size: int) -> list[range]:
    """Give the positions of each batch of a part.

    No batch crosses a part: so a sample's batch, and its feature's last bit, is the same in a continued run.
    """
    start = part * part_size
    stop = min(start + part_size, sample_count)
    return [range(at, min(at + batch_size, stop)) for at in range(start, stop, batch_size)]


def broken_picture(dataset_name: str, class_name: str, sample: str, reason: str) -> DatasetError:
    """Make the error of a picture that cannot be read where that is not allowed."""
    return DatasetError(
        f"dataset {dataset_name}: image {sample} of class {class_name} cannot be read ({reason}). "
        "Repair it, or pass --skip-broken to leave such images out."
    )


def skipped_samples(dataset: Dataset, store: FeatureStore) -> list[str]:
    """Give the samples that a store lacks, in order.

    Raises
    ------
    DatasetError
        Where these are all samples of a class.
    """
    # A store holds samples in the order of the dataset: both are walked through side by side, and neither is held.
    stored = _stored(store)
    coming = next(stored, None)
    there: set[str] = set()
    skipped: list[str] = []
    for class_name, sample in dataset.in_order():
        if (class_name, sample) == coming:
            there.add(class_name)
            coming = next(stored, None)
        else:
            skipped.append(sample)
    lost = sorted(set(dataset.classes) - there)
    if lost:
        raise DatasetError(
            f"dataset {dataset.name}: no image of class {', '.join(map(repr, lost[:5]))} can be read"
            f"{f' (and of {len(lost) - 5} more classes)' if len(lost) > 5 else ''}. "
            "Repair its images, or remove the class from the dataset."
        )
    return skipped


def _stored(store: FeatureStore) -> Iterator[tuple[str, str]]:
    for batch in store.batches(["class", "sample"]):
        yield from zip(batch["class"].to_pylist(), batch["sample"].to_pylist(), strict=True)
