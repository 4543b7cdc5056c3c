"""Features for tests of agreement."""

from pathlib import Path

import numpy as np


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as file:
        return file["features"].astype(np.float64), file["classes"]


def write_changed(path: Path, source: Path, change) -> Path:
    """Write the features of `source` to `path` with `change` applied to their matrix."""
    features, classes = read_arrays(source)
    np.savez(path, features=change(features), classes=classes)
    return path
