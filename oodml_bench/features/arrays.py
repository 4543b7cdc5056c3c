"""Array features: an `.npz` file with the features of samples, or of classes, from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oodml_bench.errors import FeatureError
from oodml_bench.reading.bounded import UnreadableError
from oodml_bench.reading.cutting import cut
from oodml_bench.reading.npz import read_npz

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

ARRAY_NAMES = ("features", "classes", "samples", "superclasses")

#: What every message about a malformed file ends with.
LAYOUT = (
    "Allowed: an .npz file with `features` (N, D) of real numbers and `classes` (N,) of text or integers, "
    "optionally `samples` (N,) and `superclasses` (N,) of text or integers."
)


@dataclass(frozen=True)
class ArrayFeatures:
    """The content of an array features file.

    Attributes
    ----------
    features
        (N, D) float32 or float64, finite. float64 is kept, since distances are computed in it.
    classes, samples, superclasses
        N names each; None where the file has none.
    """

    features: NDArray[np.float32] | NDArray[np.float64]
    classes: tuple[str, ...]
    samples: tuple[str, ...] | None
    superclasses: tuple[str, ...] | None


def read_arrays(path: Path) -> ArrayFeatures:
    """Read an `.npz` file; nothing in it is run. Integer names become their decimal digits.

    Raises
    ------
    FeatureError
        Where it is not such a file, an array is missing or malformed, or a feature is not finite.
    """
    try:
        return checked_arrays(read_npz(path, ARRAY_NAMES))
    except UnreadableError as error:
        raise FeatureError(f"array features {path}: the file cannot be read ({error}). {LAYOUT}") from error
    except FeatureError as error:
        raise FeatureError(f"array features {path}: {error}. {LAYOUT}") from error


def checked_arrays(arrays: Mapping[str, NDArray[Any]]) -> ArrayFeatures:
    """Check arrays by their names in a file. Integer names become their decimal digits.

    Raises
    ------
    FeatureError
        Where one is missing or malformed, or a feature is not finite.
    """
    for name in ("features", "classes"):
        if name not in arrays:
            raise FeatureError(f"there is no array `{name}`")
    features = _real_matrix(arrays["features"])
    names = {name: _names(name, array, len(features)) for name, array in arrays.items() if name != "features"}
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        row = int(bad[0])
        raise FeatureError(f"row {row}, of class {cut(names['classes'][row], 80)}, is not finite (NaN or infinite)")
    return ArrayFeatures(features, names["classes"], names.get("samples"), names.get("superclasses"))


def _real_matrix(features: NDArray[Any]) -> NDArray[np.float32] | NDArray[np.float64]:
    if features.dtype.kind not in "fiu":
        raise FeatureError(f"`features` has dtype {features.dtype}")
    if features.ndim != 2 or 0 in features.shape:
        raise FeatureError(f"`features` has shape {features.shape}")
    if features.dtype.kind == "f" and features.dtype.itemsize <= np.dtype(np.float32).itemsize:
        return features.astype(np.float32, copy=False)
    return features.astype(np.float64, copy=False)


def _names(name: str, array: NDArray[Any], count: int) -> tuple[str, ...]:
    if array.dtype.kind not in "Uiu":
        raise FeatureError(f"`{name}` has dtype {array.dtype}")
    if array.shape != (count,):
        raise FeatureError(f"`{name}` has shape {array.shape} instead of ({count},)")
    texts = tuple(map(str, array.tolist()))
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise FeatureError(f"`{name}` holds text that is not valid Unicode") from error
    return texts
