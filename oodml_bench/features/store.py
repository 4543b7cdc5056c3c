"""The feature store: a folder of Parquet parts and `meta.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from oodml_bench.errors import FeatureError
from oodml_bench.features.store_meta import META_NAME, StoreMeta, read_meta

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Most rows of one record batch.
BATCH_ROWS = 4096


def store_schema(dimension: int) -> pa.Schema:
    """Give the columns of a store whose features have `dimension` values."""
    return pa.schema(
        [
            pa.field("sample", pa.string(), nullable=False),
            pa.field("class", pa.string(), nullable=False),
            pa.field("superclass", pa.string()),
            pa.field("feature", pa.list_(pa.float32(), dimension), nullable=False),
        ]
    )


@dataclass(frozen=True)
class FeatureStore:
    """Features of a dataset on disk.

    Attributes
    ----------
    path
        The folder.
    meta
        What `meta.json` says.
    """

    path: Path
    meta: StoreMeta

    @classmethod
    def open(cls, path: Path | str) -> FeatureStore:
        """Open a complete store.

        Raises
        ------
        FeatureError
            Where the folder is no store, or the store is damaged, unfinished or of another schema version.
        """
        folder = Path(path)
        if not (folder / META_NAME).is_file():
            raise FeatureError(f"{folder} is not a feature store: it holds no {META_NAME}")
        store = cls(folder, read_meta(folder))
        if missing := len(store.missing_parts):
            raise FeatureError(store._unfinished(f"{missing} of {store.meta.part_count} parts are missing"))
        if not store.meta.complete:
            raise FeatureError(store._unfinished("its last step is missing"))
        return store

    def _unfinished(self, reason: str) -> str:
        return f"feature store {self.path} is unfinished: {reason}. Run the same extract command again to finish it."

    @property
    def part_paths(self) -> tuple[Path, ...]:
        """The files of all parts, in order, whether they exist yet or not."""
        return tuple(self.path / f"part-{part:05d}.parquet" for part in range(self.meta.part_count))

    @property
    def missing_parts(self) -> tuple[int, ...]:
        """The numbers of the parts that do not exist yet."""
        return tuple(part for part, path in enumerate(self.part_paths) if not path.is_file())

    @property
    def complete(self) -> bool:
        """Whether every part exists and the extraction came to its end."""
        return self.meta.complete and not self.missing_parts

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Give the rows of the parts that exist, in order, in record batches of at most `BATCH_ROWS` rows.

        Parameters
        ----------
        columns
            Read only these.

        Raises
        ------
        FeatureError
            Where a part is damaged or has other columns.
        """
        expected = store_schema(self.meta.dimension)
        for path in self.part_paths:
            if path.is_file():
                yield from _batches_of(path, expected, columns)


def _batches_of(path: Path, expected: pa.Schema, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as part:
            if not part.schema_arrow.equals(expected):
                raise FeatureError(f"{path} does not have the columns of its feature store:\n{part.schema_arrow}")
            yield from part.iter_batches(BATCH_ROWS, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise FeatureError(
            f"{path} cannot be read: {error}. Delete this file and run the same extract command again."
        ) from error
