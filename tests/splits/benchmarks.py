"""Small benchmarks for tests of files and figures."""

import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np

from oodml_bench.splits import Benchmark, build


def write_arrays(
    path: Path, *, count: int = 20, samples: int = 8, dimension: int = 6, seed: int = 0, names=None
) -> Path:
    """Write array features of `count` classes with `samples` samples each."""
    rng = np.random.default_rng(seed)
    names = [f"class {number:02}" for number in range(count)] if names is None else names
    classes = np.repeat(names, samples)
    centres = rng.normal(size=(len(names), dimension)) * 2
    features = np.repeat(centres, samples, axis=0) + rng.normal(size=(len(classes), dimension)) * 0.3
    files = [f"{name}/{index:02}.jpg" for name in names for index in range(samples)]
    np.savez(path, features=features.astype(np.float32), classes=classes, samples=np.array(files))
    return path


def small_benchmark(folder: Path, **options) -> Benchmark:
    """Give a benchmark of features that are written to `small.npz`; it is built once for all tests of a process."""
    write_arrays(folder / "small.npz")
    return deepcopy(_built(**{"levels": 4, "shots": (2, 5), "episodes": 3, "null_draws": 20} | options))


@cache
def _built(**options) -> Benchmark:
    with tempfile.TemporaryDirectory() as folder:
        return build(write_arrays(Path(folder) / "small.npz"), **options)
