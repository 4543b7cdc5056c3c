"""NumPy scalars of a pickle, made without NumPy's own functions for unpickling."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np


class RefusedPickleError(Exception):
    """A pickle asks for what no benchmark holds."""


#: Plain numbers, booleans and strings: no objects, no structures.
_SCALAR_CODE = re.compile(r"(?:[iuf][248]|i1|u1|b1|[SU]\d{1,6})", re.ASCII)


class ScalarType:
    """Stands in for a NumPy dtype: remembers its code and byte order, and refuses all but plain scalars."""

    def __init__(self, code: object, *_: object) -> None:
        if isinstance(code, bytes):
            code = code.decode("ascii", "replace")
        if not isinstance(code, str) or not _SCALAR_CODE.fullmatch(code):
            raise RefusedPickleError(f"a NumPy type {code!r}, which is no plain scalar")
        self._code = code
        self._order = "="

    def set_state(self, state: object) -> None:
        """Take the byte order from the state of a dtype."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if isinstance(order, bytes):
            order = order.decode("ascii", "replace")
        if order not in ("<", ">", "=", "|"):
            raise RefusedPickleError(f"a NumPy byte order {order!r}")
        self._order = str(order)

    def value(self, content: bytes) -> Any:
        """Give the Python value of a scalar's bytes."""
        dtype = np.dtype(self._order + self._code)
        if dtype.itemsize != len(content):
            raise RefusedPickleError(f"{len(content)} bytes for a NumPy scalar of {dtype.itemsize}")
        return np.frombuffer(content, dtype)[0].item()


def _scalar(kind: object, content: object = b"") -> Any:
    if isinstance(content, str):
        content = content.encode("latin-1")
    if not isinstance(kind, ScalarType) or not isinstance(content, bytes):
        raise RefusedPickleError("a malformed NumPy scalar")
    return kind.value(content)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stand in for `_codecs.encode`, by which protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise RefusedPickleError("malformed bytes")
    return text.encode("latin-1")


#: What stands for a function or class that a pickle names; nothing else may be named.
STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): ScalarType,
    # NumPy 2 moved the module; files written under either version are read under either.
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encode,
}
