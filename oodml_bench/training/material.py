"""A benchmark and the samples that it is about, opened once for any number of runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.datasets.readers import absolute_spec
from oodml_bench.errors import DatasetError
from oodml_bench.features import Features, open_features
from oodml_bench.features.store_meta import META_NAME
from oodml_bench.locations import absolute, location
from oodml_bench.splits import Benchmark, Level, load_benchmark
from oodml_bench.splits.benchmark import level_of
from oodml_bench.training.samples import Samples, read_feature_rows

#: What trainers read of a level; all of it stands in the pickle of a benchmark too.
_READ = ("train", "test", "fid", "split_train", "split_val", "test_episodes")


@dataclass(frozen=True, eq=False)
class Material:
    """What runs are about.

    Attributes
    ----------
    benchmark
        The benchmark.
    data
        Its dataset, or features of it.
    benchmark_file, data_spec
        Where they were opened, so that a run folder can name them wherever it is read; None where they were not.
    """

    benchmark: Benchmark
    data: Dataset | Features = field(repr=False)
    benchmark_file: str | None = None
    data_spec: str | None = None

    @classmethod
    def open(cls, benchmark: Benchmark | Path | str, data: Dataset | Features | Path | str) -> Material:
        """Open a benchmark, and a dataset or features of it.

        Parameters
        ----------
        benchmark
            A benchmark, or either of its files.
        data
            A dataset or features; a specification such as `glyphs:300`; or the path of a feature store or array
            features.

        Raises
        ------
        BenchmarkFileError, DatasetError, FeatureError
            Where they cannot be opened.
        """
        loaded = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
        opened = data if isinstance(data, Dataset | Features) else open_data(str(data))
        return cls(
            loaded,
            opened,
            None if isinstance(benchmark, Benchmark) else absolute(benchmark),
            None if isinstance(data, Dataset | Features) else _absolute(str(data), opened),
        )

    @cached_property
    def samples(self) -> Samples:
        """All samples. A dataset is read once for its fingerprint."""
        return Samples.of(self.data)

    @cached_property
    def feature_rows(self) -> NDArray[np.float32]:
        """All features, (N, F) float32, in the order of the samples; for features only."""
        if isinstance(self.data, Dataset):
            raise DatasetError(f"{self.data.name} is a dataset, not features of one")
        return read_feature_rows(self.data)

    @cached_property
    def feature_digest(self) -> str:
        """SHA-256, in hexadecimal, over all features in their order."""
        return hashlib.sha256(np.ascontiguousarray(self.feature_rows).data).hexdigest()

    @cached_property
    def benchmark_digest(self) -> str:
        """SHA-256, in hexadecimal, over what a trainer reads of the benchmark."""
        levels = {
            number: {name: getattr(level, name) for name in _READ} for number, level in self.benchmark.levels.items()
        }
        return hashlib.sha256(json.dumps(levels, sort_keys=True).encode()).hexdigest()

    def level(self, number: int) -> Level:
        """Give a level whose classes and samples are all there.

        Raises
        ------
        SplitError
            Where the benchmark has no such level.
        DatasetError
            Where the samples are not those of the benchmark.
        """
        level = level_of(self.benchmark, number)
        self.samples.check(self.benchmark, level)
        return level


def open_data(spec: str) -> Dataset | Features:
    """Open features, by the path of a feature store or of an `.npz` file, or else a dataset by its specification.

    Raises
    ------
    DatasetError, FeatureError
        Where they cannot be opened.
    """
    return open_features(spec) if _is_features(spec) else open_dataset(spec)


def _is_features(spec: str) -> bool:
    return (spec.endswith(".npz") and not spec.startswith("arrays:")) or (location(spec) / META_NAME).exists()


def _absolute(spec: str, opened: Dataset | Features) -> str:
    return absolute(spec) if isinstance(opened, Features) else absolute_spec(spec)
