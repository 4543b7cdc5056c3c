"""Reading published benchmark pickles without running anything in them."""

from __future__ import annotations

import io
import pickle
import re
from typing import Any, NoReturn

import numpy as np

from oodml_bench.errors import BenchmarkFileError

#: Plain numbers, booleans and strings: no objects, no structures.
_SCALAR_CODE = re.compile(r"(?:[iuf][248]|i1|u1|b1|[SU]\d{1,6})")


class _ScalarType:
    """Stands in for a NumPy dtype: remembers its code and byte order, and refuses all but plain scalars."""

    def __init__(self, code: object, *_: object) -> None:
        if isinstance(code, bytes):
            code = code.decode("ascii", "replace")
        if not isinstance(code, str) or not _SCALAR_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"a NumPy type {code!r}, which is no plain scalar")
        self._code = code
        self._order = "="

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if isinstance(order, bytes):
            order = order.decode("ascii", "replace")
        if order not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError(f"a NumPy byte order {order!r}")
        self._order = order

    def value(self, content: bytes) -> Any:
        """Give the Python value of a scalar's bytes."""
        dtype = np.dtype(self._order + self._code)
        if dtype.itemsize != len(content):
            raise pickle.UnpicklingError(f"{len(content)} bytes for a NumPy scalar of {dtype.itemsize}")
        return np.frombuffer(content, dtype)[0].item()


def _scalar(kind: object, content: object = b"") -> Any:
    if isinstance(content, str):
        content = content.encode("latin-1")
    if not isinstance(kind, _ScalarType) or not isinstance(content, bytes):
        raise pickle.UnpicklingError("a malformed NumPy scalar")
    return kind.value(content)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stand in for `_codecs.encode`, by which protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("malformed bytes")
    return text.encode("latin-1")


_ALLOWED = {
    ("numpy", "dtype"): _ScalarType,
    # NumPy 2 moved the module; files written under either version are read under either.
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    """Builds built-in containers, numbers and strings, and the Python values of NumPy scalars; nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, _: object) -> NoReturn:
        raise pickle.UnpicklingError("a persistent object")


def load_plain(content: bytes, origin: str) -> Any:
    """Unpickle built-in types and NumPy scalars (as their Python values).

    Parameters
    ----------
    content
        The pickle.
    origin
        What the message calls it: the path of the file.

    Raises
    ------
    BenchmarkFileError
        Where the pickle is malformed or asks for anything else. Nothing that it names is imported or called.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise BenchmarkFileError(
            f"{origin} was refused, and nothing in it was run: it holds {error}; a benchmark holds only built-in "
            "Python values and NumPy scalars"
        ) from error
    except Exception as error:
        # A damaged pickle makes the unpickler raise almost anything.
        raise BenchmarkFileError(f"{origin} is not a readable pickle: {type(error).__name__}: {error}") from error
