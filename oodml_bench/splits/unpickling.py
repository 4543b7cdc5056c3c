"""Reading published benchmark pickles without running anything in them."""

from __future__ import annotations

import struct
from typing import Any

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.reading.cutting import cut
from oodml_bench.splits.numpy_scalars import RefusedPickleError
from oodml_bench.splits.pickle_machine import PickleMachine
from oodml_bench.splits.plain_tree import check_tree

#: Most values for a byte of a pickle, where lists are held in several places; without that there is at most one.
_VALUES_A_BYTE = 8


def load_plain(content: bytes, origin: str) -> Any:
    """Unpickle built-in types and NumPy scalars (as their Python values).

    Takes time and memory in proportion to the length of the pickle, whatever is in it.

    Parameters
    ----------
    content
        The pickle.
    origin
        What the message calls it: the path of the file.

    Raises
    ------
    BenchmarkFileError
        Where the pickle is malformed or asks for anything else, its values hold themselves, lie more than 32 containers
        deep or are more than eight for each of its bytes. Nothing that it names is imported or called.
    """
    try:
        value = PickleMachine(content).run()
        check_tree(value, _VALUES_A_BYTE * len(content))
    except RefusedPickleError as error:
        raise BenchmarkFileError(
            f"{origin} was refused, and nothing in it was run: it holds {cut(error)}; a benchmark holds only built-in "
            "Python values and NumPy scalars"
        ) from error
    except (ValueError, LookupError, TypeError, struct.error) as error:
        raise BenchmarkFileError(
            f"{origin} is not a readable pickle: {type(error).__name__}: {cut(error)}. Get the file again from where "
            "it came from."
        ) from error
    return value
