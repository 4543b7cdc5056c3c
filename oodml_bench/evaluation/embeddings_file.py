"""Embeddings that somebody else made: reading them, and finding in them what a benchmark asks for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import EmbeddingError
from oodml_bench.features.spooling import gathered, spooled
from oodml_bench.locations import local_copy, location
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut
from oodml_bench.reading.expansion import check_expansion
from oodml_bench.reading.npz import read_npz
from oodml_bench.reading.parquet import check_size, check_texts, text_columns

#: What every message about a malformed file ends with.
LAYOUT = (
    "Allowed: Parquet with columns `sample` (text) and `embedding` (lists of numbers, all of one length), or .npz with "
    "`samples` (N,) and `embeddings` (N, D); optionally `class` or `classes` (text or integers)."
)

_MOST_NAMED = 5

#: Rows that are decoded at once.
_BATCH_ROWS = 1024

#: A sample is known by each of its last parts, so that names of very many parts would take much memory.
_MOST_FOLDERS = 32

#: Rows that are worked on at once.
_ROWS = 4096


@dataclass(frozen=True)
class EmbeddingsFile:
    """Embeddings of named samples.

    Attributes
    ----------
    samples
        Names of the N samples: paths relative to the dataset's root, or `class/sample`.
    embeddings
        Shape (N, D), float32; on disk where they are many (see `oodml_bench.features.spooling`).
    classes
        The class of each sample, where the file tells it.
    """

    samples: tuple[str, ...]
    embeddings: NDArray[np.float32]
    classes: tuple[str, ...] | None = None


def read_embeddings(path: Path | str) -> EmbeddingsFile:
    """Read embeddings from Parquet, or from `.npz`; nothing in the file is run.

    Raises
    ------
    EmbeddingError
        Where there is no such file, it is neither, or it is malformed.
    """
    path = location(path)
    if not path.is_file():
        raise EmbeddingError(f"there are no embeddings at {path}: no such file")
    try:
        with local_copy(path) as file:
            columns = _npz(file) if path.suffix == ".npz" else _parquet(file)
        return _checked(*columns)
    except EmbeddingError as error:
        raise EmbeddingError(f"embeddings {path}: {error}. {LAYOUT}") from error


def matched_to(
    classes: Mapping[str, Sequence[str]], file: EmbeddingsFile
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find the embedding of every sample of some classes; other samples of the file are ignored.

    Parameters
    ----------
    classes
        The samples of each class: paths relative to the dataset's root, or names inside the class.
    file
        Embeddings. A sample is found by a path that ends with `class/name`, with its name inside the class, or with the
        name that `classes` gives; where the file tells classes, among those of the class.

    Returns
    -------
    embeddings, labels
        Shapes (N, D) float32 and (N,): class after class, as given; labels count the classes from 0.

    Raises
    ------
    EmbeddingError
        Where a sample is missing, is there twice, or two samples are found in one row, or an embedding is not finite.
    """
    rows_of = _rows_by_name(file)
    count = Counter(sample for samples in classes.values() for sample in samples)
    rows: list[int] = []
    missing: list[str] = []
    for class_name, samples in classes.items():
        for sample in samples:
            found = _rows(rows_of, file, class_name, sample, count[sample] == 1)
            if len(found) > 1:
                raise EmbeddingError(
                    f"{len(found)} embeddings are of sample {sample!r} of class {class_name!r}; one is allowed"
                )
            rows += found
            missing += [] if found else [f"{class_name}: {sample}"]
    if missing:
        raise EmbeddingError(
            f"{len(missing)} of {sum(map(len, classes.values()))} samples have no embedding, among them "
            f"{', '.join(missing[:_MOST_NAMED])}. Name a sample by its path relative to the dataset's root, or "
            "class/sample"
        )
    _check_once(rows, file)
    labels = np.repeat(np.arange(len(classes)), [len(samples) for samples in classes.values()])
    return _finite(rows, file), labels


def _npz(path: Path) -> tuple[Any, ...]:
    try:
        arrays = read_npz(path, ("samples", "embeddings", "classes"))
    except UnreadableError as error:
        raise EmbeddingError(f"the file cannot be read ({error})") from error
    return arrays.get("samples"), arrays.get("embeddings"), arrays.get("classes")


def _parquet(path: Path) -> tuple[Any, ...]:
    import pyarrow as pa

    try:
        sample, of_class = _columns(path, ("sample", "class"))
        return _names_of(sample), _embeddings_in(path), _names_of(of_class)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EmbeddingError(f"the file cannot be read as Parquet ({cut(error)})") from error


def _columns(path: Path, names: Sequence[str]) -> list[Any]:
    """Give columns by name, None for those that are not there; text as dictionaries, which hold each text once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        check_size(file.metadata, path)
        schema = file.schema.to_arrow_schema()
    for name in names:
        _refuse_twice(schema.names, name)
    with pq.ParquetFile(path, read_dictionary=[name for name in text_columns(schema) if name in names]) as file:
        wanted = [name for name in names if name in schema.names]
        batches = list(_batches(file, wanted, _BATCH_ROWS, path))
        table = pa.Table.from_batches(batches) if batches else file.read(columns=wanted)
    return [table.column(name).combine_chunks() if name in schema.names else None for name in names]


def _refuse_twice(columns: Sequence[str], name: str) -> None:
    if columns.count(name) > 1:
        raise UnreadableError(f"the column `{name}` is there twice")


def _batches(file: Any, names: Sequence[str], rows: int, path: Path) -> Iterator[Any]:
    """Give columns of a Parquet file, and stop where they become much larger than the file."""
    length, size = path.stat().st_size, 0
    for batch in file.iter_batches(rows, columns=names):
        size += batch.nbytes
        check_expansion(size, length)
        yield batch


def _names_of(column: Any) -> NDArray[Any] | None:
    if column is None:
        return None
    import pyarrow as pa

    types = pa.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if column.null_count or not (types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)):
        raise EmbeddingError(f"names are {cut(column.type, 80)}, {column.null_count} of them null")
    if types.is_dictionary(column.type) and not types.is_integer(kind):
        check_texts(column)
    # From a list: NumPy then makes text of text, not objects.
    return np.array(column.to_pylist()) if len(column) else np.empty(0, dtype=np.str_)


def _embeddings_in(path: Path) -> NDArray[np.float32] | None:
    import pyarrow.parquet as pq

    # Mapped: read in another way, what was decoded stays in memory.
    with pq.ParquetFile(path, memory_map=True) as file:
        names = file.schema.to_arrow_schema().names
        if "embedding" not in names:
            return None
        _refuse_twice(names, "embedding")
        blocks = (_matrix_of(batch.column(0)) for batch in _batches(file, ["embedding"], _ROWS, path))
        return spooled(_of_one_length(blocks))


def _of_one_length(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    first = next(blocks, None)
    if first is None:
        raise EmbeddingError("embeddings have 0 different lengths")
    yield first
    for block in blocks:
        if block.shape[1] != first.shape[1]:
            raise EmbeddingError(f"embeddings have different lengths, {first.shape[1]} and {block.shape[1]} among them")
        yield block


def _matrix_of(column: Any) -> NDArray[np.float32]:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        raise EmbeddingError(f"`embedding` holds {cut(kind, 80)}")
    values = column.flatten()
    if column.null_count or values.null_count:
        raise EmbeddingError("an embedding, or a number of one, is null")
    lengths = set(column.value_lengths().to_pylist()) if not pa.types.is_fixed_size_list(kind) else {kind.list_size}
    if len(lengths) != 1:
        raise EmbeddingError(f"embeddings have {len(lengths)} different lengths")
    return _single(np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(column), lengths.pop()))


def _single(embeddings: NDArray[Any]) -> NDArray[np.float32]:
    if embeddings.dtype.kind not in "fiu" or embeddings.ndim != 2 or 0 in embeddings.shape:
        raise EmbeddingError(f"the embeddings have shape {embeddings.shape} and dtype {embeddings.dtype}")
    with np.errstate(over="ignore"):
        return embeddings.astype(np.float32, copy=False)


def _checked(samples: Any, embeddings: Any, classes: Any) -> EmbeddingsFile:
    if samples is None or embeddings is None:
        raise EmbeddingError(f"there are no {'samples' if samples is None else 'embeddings'} in it")
    matrix = _single(embeddings)
    for name, array in (("samples", samples), ("classes", classes)):
        if array is not None and (array.dtype.kind not in "Uiu" or array.shape != (len(embeddings),)):
            raise EmbeddingError(f"the {name} have shape {array.shape} and dtype {array.dtype}")
    names = _texts(samples)
    if any(name.count("/") > _MOST_FOLDERS for name in names):
        raise EmbeddingError(f"a sample lies more than {_MOST_FOLDERS} folders deep")
    _check_unicode(names)
    return EmbeddingsFile(names, matrix, None if classes is None else _texts(classes))


def _check_unicode(names: Sequence[str]) -> None:
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        raise EmbeddingError("a sample has a name that is not valid Unicode") from error


def _texts(names: NDArray[Any]) -> tuple[str, ...]:
    return tuple(map(str, names.tolist()))


def _rows_by_name(file: EmbeddingsFile) -> dict[str, list[int]]:
    """Give the rows by every name that stands for them: the whole path, and its last parts."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(file.samples):
        path = sample if file.classes is None else f"{file.classes[row]}/{sample}"
        parts = path.split("/")
        for start in range(len(parts)):
            rows["/".join(parts[start:])].append(row)
    return rows


def _rows(
    rows_of: Mapping[str, list[int]], file: EmbeddingsFile, class_name: str, sample: str, is_unique: bool
) -> list[int]:
    """Give the rows of a sample, by its class and its name inside it, or else by the name alone.

    A name that samples of several classes have stands for one only where it is all that the file says.
    """
    found = rows_of.get(f"{class_name}/{name_in_class(class_name, sample)}", [])
    if not found:
        found = [row for row in rows_of.get(sample, []) if is_unique or file.samples[row] == sample]
    return [row for row in found if file.classes is None or file.classes[row] == class_name]


def _check_once(rows: Iterable[int], file: EmbeddingsFile) -> None:
    seen: set[int] = set()
    for row in rows:
        if row in seen:
            raise EmbeddingError(
                f"the name {file.samples[row]!r} stands for samples of several classes. Name samples class/sample, or "
                "give the class of each"
            )
        seen.add(row)


def _finite(rows: Sequence[int], file: EmbeddingsFile) -> NDArray[np.float32]:
    embeddings = gathered(file.embeddings, np.array(rows, np.int64))
    finite = [np.isfinite(embeddings[start : start + _ROWS]).all(axis=1) for start in range(0, len(embeddings), _ROWS)]
    bad = np.flatnonzero(~np.concatenate([np.ones(0, np.bool_), *finite]))
    if bad.size:
        raise EmbeddingError(
            f"{bad.size} embeddings are not finite (NaN or infinite), among them that of sample "
            f"{file.samples[rows[bad[0]]]!r}"
        )
    return embeddings
