"""Writing a feature store, so that what is there is always whole and always of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from oodml_bench.errors import FeatureError, OutputExistsError
from oodml_bench.features.store import FeatureStore, store_schema
from oodml_bench.features.store_meta import META_NAME, StoreMeta, read_meta, write_meta
from oodml_bench.locks import is_bookkeeping
from oodml_bench.output import explained_os_errors, replaced_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Rows of a store: (N,) names, and (N, D) float32 features."""

    samples: Sequence[str]
    classes: Sequence[str]
    superclasses: Sequence[str | None]
    features: NDArray[np.float32]


def finished_store(
    path: Path, meta: StoreMeta, missing: Callable[[FeatureStore], Sequence[int]] | None = None
) -> FeatureStore | None:
    """Give the complete and undamaged store of such features in a folder; None where there is still something to do.

    Parameters
    ----------
    path, meta
        The folder, and the features.
    missing
        What finds the parts that are missing or damaged; None: `parts_to_write`.

    Raises
    ------
    FeatureError
        Where the folder holds a store of other features, listing every difference.
    """
    if not (path / META_NAME).is_file():
        return None
    stored = read_meta(path)
    _refuse_other_features(path, stored, meta)
    store = FeatureStore(path, stored)
    return store if stored.complete and not (missing or parts_to_write)(store) else None


def begin_store(path: Path, meta: StoreMeta) -> FeatureStore:
    """Start a store in a new or empty folder, or take up the one that was started there.

    Raises
    ------
    FeatureError
        Where the folder holds a store of other features, listing every difference.
    OutputExistsError
        Where the folder holds other files.
    OutputError
        Where the folder cannot be made or written.
    """
    with explained_os_errors(path):
        names = [entry.name for entry in path.iterdir()] if path.exists() else []
    # Not by the names: another shard may have begun the store while they were listed.
    if (path / META_NAME).is_file():
        stored = read_meta(path)
        _refuse_other_features(path, stored, meta)
        return FeatureStore(path, stored)
    if foreign := [name for name in sorted(names) if not is_bookkeeping(name)]:
        raise OutputExistsError(f"{path} holds other files ({foreign[0]}, …). Choose a new or an empty folder.")
    write_meta(path, meta)
    return FeatureStore(path, meta)


def _refuse_other_features(path: Path, stored: StoreMeta, wanted: StoreMeta) -> None:
    there, here = stored.identity(), wanted.identity()
    different = [f"  {name}: {there[name]} there, {here[name]} now" for name in there if there[name] != here[name]]
    if different:
        raise FeatureError(
            f"{path} holds features of another kind, which are not mixed:",
            *different,
            "Choose another output folder, or repeat the command that made this one.",
        )


def parts_to_write(store: FeatureStore, among: Sequence[int] | None = None) -> tuple[int, ...]:
    """Give the numbers of the parts, among these or all, that do not exist or cannot be read to their end."""
    numbers = range(store.meta.part_count) if among is None else among
    missing = set(store.missing_parts)
    return tuple(part for part in numbers if part in missing or not store.is_whole(part))


def write_part(store: FeatureStore, part: int, rows: Rows) -> None:
    """Write one part; equal rows give an equal file.

    Raises
    ------
    OutputError
        Where the folder cannot be written or is full.
    """
    schema = store_schema(store.meta.dimension)
    values = pa.array(np.ascontiguousarray(rows.features, dtype=np.float32).reshape(-1))
    feature = pa.FixedSizeListArray.from_arrays(values, store.meta.dimension)
    names = (pa.array(column, pa.string()) for column in (rows.samples, rows.classes, rows.superclasses))
    table = pa.Table.from_arrays([*names, feature], schema=schema)
    with replaced_atomically(store.part_path(part)) as temporary:
        # Features hardly repeat, so a dictionary or compression of them would cost time and save nothing.
        pq.write_table(
            table,
            temporary,
            use_dictionary=["class", "superclass"],
            compression=_compression(schema),
            write_page_checksum=True,
        )


def _compression(schema: pa.Schema) -> dict[str, str]:
    return {name: "none" if name == "feature" else "zstd" for name in schema.names}


def finish_store(store: FeatureStore, skipped: Sequence[str]) -> FeatureStore:
    """Mark a store whose parts all exist as complete."""
    meta = store.meta.model_copy(update={"skipped": list(skipped), "complete": True})
    write_meta(store.path, meta)
    return FeatureStore(store.path, meta)
