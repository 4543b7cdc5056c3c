"""The feature store: a folder of Parquet parts and `meta.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from oodml_bench.errors import FeatureError
from oodml_bench.features.store_meta import META_NAME, StoreMeta, read_meta
from oodml_bench.locations import local_copy, location
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut
from oodml_bench.reading.parquet import check_size, check_texts, text_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Most rows of one record batch.
BATCH_ROWS = 4096

#: Most numbers of one record batch, for features of very many values.
_BATCH_VALUES = 2**24


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
        folder = location(path)
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

    def part_path(self, part: int) -> Path:
        """Give the file of a part, whether it exists yet or not."""
        return self.path / f"part-{part:05d}.parquet"

    @property
    def part_paths(self) -> tuple[Path, ...]:
        """The files of all parts, in order, whether they exist yet or not."""
        return tuple(map(self.part_path, range(self.meta.part_count)))

    @property
    def missing_parts(self) -> tuple[int, ...]:
        """The numbers of the parts that do not exist yet."""
        # By one look at the folder: at a URL, one at each of many parts would take minutes.
        there = {path.name for path in self.path.iterdir()}
        return tuple(part for part, path in enumerate(self.part_paths) if path.name not in there)

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
        missing = set(self.missing_parts)
        for part, path in enumerate(self.part_paths):
            if part not in missing:
                yield from _batches_of(path, self.meta, columns)

    def is_whole(self, part: int) -> bool:
        """Say whether a part exists and can be read to its end; reading compares the checksums."""
        try:
            return all(True for _ in _batches_of(self.part_path(part), self.meta, None))
        except FeatureError:
            return False


def _batches_of(path: Path, meta: StoreMeta, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    expected = store_schema(meta.dimension)
    rows = max(1, min(BATCH_ROWS, _BATCH_VALUES // meta.dimension))
    try:
        with local_copy(path) as file:
            with pq.ParquetFile(file, page_checksum_verification=True) as part:
                _check_part(part, expected, meta, path)
                check_size(part.metadata, file)
            with pq.ParquetFile(
                file, memory_map=True, read_dictionary=text_columns(expected), page_checksum_verification=True
            ) as part:
                for batch in part.iter_batches(rows, columns=columns):
                    yield _with_texts(batch, expected)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FeatureError(
            f"{path} cannot be read: {cut(error)}. Delete this file and run the same extract command again."
        ) from error


def _check_part(part: pq.ParquetFile, expected: pa.Schema, meta: StoreMeta, path: Path) -> None:
    there = part.schema.to_arrow_schema()
    if not there.equals(expected):
        columns = ", ".join(f"{column.name} ({column.type})" for column in there)
        raise FeatureError(f"{path} does not have the columns of its feature store: it has {cut(columns)}")
    if part.metadata.num_rows > meta.part_size:
        raise UnreadableError(f"it has {part.metadata.num_rows} rows, more than the {meta.part_size} of a part")


def _with_texts(batch: pa.RecordBatch, expected: pa.Schema) -> pa.RecordBatch:
    """Give the columns of text, read as dictionaries, as what they are."""
    columns = []
    for field in (expected.field(name) for name in batch.schema.names):
        column = batch.column(field.name)
        if pa.types.is_dictionary(column.type):
            check_texts(column)
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([expected.field(name) for name in batch.schema.names]))
