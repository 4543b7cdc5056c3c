"""Matrices that may be larger than memory: kept on disk, and read from there as they are needed."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from oodml_bench.output import explained_os_errors
from oodml_bench.temporary import temporary_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Number = TypeVar("Number", bound=np.generic)

#: Bytes of a matrix that are held in memory.
MOST_HELD = 2**26

#: Rows that are copied at once.
_BLOCK = 4096


def spooled(blocks: Iterable[NDArray[Number]]) -> NDArray[Number]:
    """Put blocks of rows together to one matrix, which lies on disk where it is large.

    Beyond `MOST_HELD` bytes the rows go to a file without a name in the folder for temporary files (`TMPDIR`), which
    vanishes with the matrix. Its rows are read when they are used, and the system takes their memory back as it likes.

    Parameters
    ----------
    blocks
        At least one; (B, D) each, of one D and one type.

    Returns
    -------
    NDArray
        (N, D), C-contiguous.

    Raises
    ------
    OutputError
        Where there is no room for the file.
    """
    held: list[NDArray[Number]] = []
    size = 0
    coming = iter(blocks)
    for block in coming:
        held.append(block)
        size += block.nbytes
        if size > MOST_HELD:
            return _on_disk(_one_after_the_other(held, coming))
    return np.concatenate(held)


def gathered(matrix: NDArray[Number], rows: NDArray[np.integer[Any]]) -> NDArray[Number]:
    """Give some rows of a matrix, (N, D): a view where they lie one after the other, else as `spooled` gives them."""
    if len(rows) and (np.diff(rows) == 1).all():
        return matrix[rows[0] : rows[0] + len(rows)]
    return spooled(matrix[rows[start : start + _BLOCK]] for start in range(0, max(len(rows), 1), _BLOCK))


def _one_after_the_other(held: list[NDArray[Number]], coming: Iterator[NDArray[Number]]) -> Iterator[NDArray[Number]]:
    # Popped, so that what is written does not stay in memory.
    while held:
        yield held.pop(0)
    yield from coming


def _on_disk(blocks: Iterator[NDArray[Number]]) -> NDArray[Number]:
    folder = temporary_root()
    count, first = 0, next(blocks)
    with tempfile.TemporaryFile(dir=folder) as file:
        for block in _one_after_the_other([first], blocks):
            with explained_os_errors(folder):
                # A full disk is an error of writing; of a mapped file it would kill the process.
                file.write(np.ascontiguousarray(block).data)
            count += len(block)
        with explained_os_errors(folder):
            file.flush()
            return np.asarray(np.memmap(file, first.dtype, "r+", shape=(count, *first.shape[1:])))
