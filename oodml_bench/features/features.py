"""Features: what is read from a feature store or from array features, in one form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from oodml_bench.errors import FeatureError
from oodml_bench.features.arrays import ArrayFeatures, checked_arrays, read_arrays
from oodml_bench.features.store import BATCH_ROWS, FeatureStore
from oodml_bench.features.store_meta import META_NAME
from oodml_bench.locations import location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Features:
    """Features of samples, with what is known about where they came from.

    Attributes
    ----------
    name
        Name of the dataset; of array features the file's name without its suffix.
    specification
        `backbone`, `weights_id`, `weights_sha256`, `transform`, `dimension` and `precision`; of array features the
        `dimension` alone.
    dataset_fingerprint
        Fingerprint of the dataset, where it is known.
    default_halves
        The train and the test classes of the dataset's own split, where it has one.
    row_count
        Number of rows of all batches together.
    """

    name: str
    specification: Mapping[str, str | int | None]
    dataset_fingerprint: str | None
    default_halves: tuple[tuple[str, ...], tuple[str, ...]] | None = field(repr=False)
    row_count: int
    _read: Callable[[list[str] | None], Iterator[pa.RecordBatch]] = field(repr=False)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Give all rows, in the stored order, in batches that need little memory.

        Columns: `sample` (null where the source names none), `class`, `superclass` (null where there is none), and
        `feature`, a fixed-size list of float32, or of float64 where array features hold that. With `columns`, only
        these.
        """
        return self._read(columns)


def open_features(path: Path | str) -> Features:
    """Open a feature store (a folder) or array features (an `.npz` file).

    Raises
    ------
    FeatureError
        Where there is nothing at `path`, it is neither, or it is malformed or unfinished.
    """
    path = location(path)
    if not path.exists():
        raise FeatureError(f"there are no features at {path}: no such file or folder")
    if path.is_dir():
        return _of_store(FeatureStore.open(path))
    if path.suffix == ".npz":
        return _of_arrays(path.stem, read_arrays(path))
    hint = f". Give the folder {path.parent}." if (path.parent / META_NAME).exists() else ""
    raise FeatureError(f"{path} is neither a feature store (a folder) nor array features (an .npz file){hint}")


def features_from_arrays(
    features: NDArray[Any],
    classes: NDArray[Any],
    *,
    samples: NDArray[Any] | None = None,
    name: str = "arrays",
) -> Features:
    """Give features in memory as what `open_features` gives of a file.

    Parameters
    ----------
    features
        (N, D), real numbers.
    classes, samples
        (N,) each, text or integers: the class of each row, and the name of its sample where it has one.
    name
        What errors and benchmarks call them.

    Raises
    ------
    FeatureError
        Where an array is malformed, or a feature is not finite.
    """
    arrays = {"features": features, "classes": classes} | ({} if samples is None else {"samples": samples})
    return _of_arrays(name, checked_arrays(arrays))


def _of_store(store: FeatureStore) -> Features:
    meta = store.meta
    halves = meta.dataset.default_halves
    return Features(
        name=meta.dataset.name,
        specification={
            "backbone": meta.backbone,
            "weights_id": meta.weights.id,
            "weights_sha256": meta.weights.sha256,
            "transform": meta.transform,
            "dimension": meta.dimension,
            "precision": meta.precision,
        },
        dataset_fingerprint=meta.dataset.fingerprint,
        default_halves=None if halves is None else (tuple(halves.train), tuple(halves.test)),
        row_count=meta.dataset.sample_count - len(meta.skipped),
        _read=store.batches,
    )


def _of_arrays(name: str, arrays: ArrayFeatures) -> Features:
    count, dimension = arrays.features.shape

    def read(columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        for start in range(0, count, BATCH_ROWS):
            batch = _record_batch(arrays, slice(start, start + BATCH_ROWS))
            yield batch if columns is None else batch.select(columns)

    return Features(name, {"dimension": dimension}, None, None, count, read)


def _record_batch(arrays: ArrayFeatures, rows: slice) -> pa.RecordBatch:
    features = arrays.features[rows]
    values = pa.array(np.ascontiguousarray(features).reshape(-1))
    columns = {
        "sample": _text(arrays.samples, rows, len(features)),
        "class": _text(arrays.classes, rows, len(features)),
        "superclass": _text(arrays.superclasses, rows, len(features)),
        "feature": pa.FixedSizeListArray.from_arrays(values, features.shape[1]),
    }
    return pa.RecordBatch.from_pydict(columns)


def _text(names: tuple[str, ...] | None, rows: slice, count: int) -> pa.Array:
    return pa.nulls(count, pa.string()) if names is None else pa.array(names[rows], pa.string())


def feature_matrix(batch: pa.RecordBatch) -> NDArray[Any]:
    """Give the features of a record batch: (N, D), float32 or float64."""
    column = batch["feature"]
    matrix: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
    return matrix
