"""Arrays from an `.npz` file that may be broken or hostile."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from oodml_bench.errors import OodmlError
from oodml_bench.locations import local_copy
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut
from oodml_bench.reading.expansion import check_expansion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SUFFIX = ".npy"

#: What a file begins with that is no archive, but one array.
_SINGLE = b"\x93NUMPY"

#: What NumPy writes. The others take memory before they give a byte.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Read those arrays of an `.npz` file that are there; nothing in it is run, and nothing else of it is read.

    What the arrays take is known from the file's directory and their headers, and is checked before they are read.

    Parameters
    ----------
    path
        The file.
    names
        Names of arrays.

    Raises
    ------
    UnreadableError
        Where it is no such file or is damaged, an array holds Python objects, is there twice, has another size than its
        header says, or is much larger than the file.
    """
    try:
        with local_copy(path) as copy:
            with copy.open("rb") as file:
                if file.read(len(_SINGLE)) == _SINGLE:
                    raise UnreadableError("it holds a single array without a name")
            with zipfile.ZipFile(copy) as archive:
                members = _members(archive, names)
                check_expansion(sum(member.file_size for member in members.values()), copy.stat().st_size)
                return {name: _array(archive, member) for name, member in members.items()}
    except (UnreadableError, OodmlError):
        raise
    except MemoryError as error:
        raise UnreadableError("its arrays do not fit into memory") from error
    except Exception as error:  # zip and NumPy readers raise errors of many kinds for a damaged file
        raise UnreadableError(cut(error) or type(error).__name__) from error


def _members(archive: zipfile.ZipFile, names: Collection[str]) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(_SUFFIX)
        if name not in names:
            continue
        if name in members:
            raise UnreadableError(f"the array `{name}` is there twice")
        if member.compress_type not in _COMPRESSIONS:
            raise UnreadableError(f"the array `{name}` is compressed in a way that NumPy does not use")
        members[name] = member
    return members


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    from numpy.lib import format as npy

    with archive.open(member) as file:
        shape, dtype = _header(file)
        stated = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise UnreadableError(f"`{member.filename}` holds Python objects")
        if stated != member.file_size - file.tell():
            raise UnreadableError(
                f"`{member.filename}` holds {member.file_size} bytes, and not an array of shape {shape} and dtype "
                f"{cut(dtype, 80)}"
            )
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Give the shape and the dtype of an array, and stop where its content begins."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    shape, _, dtype = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
    return shape, dtype
