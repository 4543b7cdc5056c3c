"""Parquet files that may be broken or hostile.

What is checked is what a file says of itself before a page of it is decoded; a file whose pages are larger than it says
is left to Arrow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.expansion import check_expansion

#: Most bytes of the name of a sample or class.
MOST_NAME_BYTES = 4_096

#: Bytes that a row takes at least, as the code of its name.
_LEAST_WIDTH = 4


def check_size(metadata: Any, path: Path) -> None:
    """Refuse a file that would become much larger than it is.

    Only what is said of whole groups of rows is looked at: pyarrow ends the process where a damaged file tells nonsense
    of a column, if it is asked about the column.

    Parameters
    ----------
    metadata
        The `pyarrow.parquet.FileMetaData` of the file.
    path
        The file.

    Raises
    ------
    UnreadableError
        Where it would, or tells of a negative size.
    """
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if any(min(group.num_rows, group.total_byte_size) < 0 for group in groups):
        raise UnreadableError("it says that it takes less than nothing")
    content = sum(max(group.total_byte_size, _LEAST_WIDTH * group.num_rows) for group in groups)
    check_expansion(content, path.stat().st_size)


def text_columns(schema: Any) -> list[str]:
    """Give the columns of text. Read as dictionaries, they hold every text once: then a long one is found in time."""
    import pyarrow.types as types

    return [field.name for field in schema if types.is_string(field.type) or types.is_large_string(field.type)]


def check_texts(column: Any) -> None:
    """Refuse a column of text, an Arrow array of dictionary type, that holds very long or invalid text.

    Raises
    ------
    UnreadableError
        Where a text is longer than 4,096 bytes.
    pyarrow.ArrowInvalid
        Where one is not UTF-8, or the column is damaged.
    """
    import pyarrow.compute as compute

    column.validate(full=True)
    column.dictionary.validate(full=True)
    longest = compute.max(compute.binary_length(column.dictionary)).as_py() or 0
    if longest > MOST_NAME_BYTES:
        raise UnreadableError(f"a name in it has {longest} bytes, more than {MOST_NAME_BYTES}")
