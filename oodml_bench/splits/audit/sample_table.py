"""The samples of a benchmark as its features and its dataset name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oodml_bench.datasets import Dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.features import Features, feature_matrix
from oodml_bench.splits.audit.findings import Item
from oodml_bench.splits.audit.similar_rows import Rows


@dataclass(frozen=True, eq=False)
class SampleTable:
    """The rows of features by class and sample.

    Attributes
    ----------
    features
        Where the rows are.
    classes
        Names of the classes.
    codes
        (N,) int32: the class of each row, as a place among `classes`.
    """

    features: Features
    classes: tuple[str, ...]
    codes: NDArray[np.int32]
    _names: pa.ChunkedArray = field(repr=False)

    @classmethod
    def of(cls, features: Features, classes: tuple[str, ...]) -> SampleTable:
        """Read the names of all rows."""
        index = {name: code for code, name in enumerate(classes)}
        codes, names = [np.empty(0, dtype=np.int32)], []
        for batch in features.batches(["class", "sample"]):
            codes.append(np.array([index[name] for name in batch["class"].to_pylist()], dtype=np.int32))
            names.append(batch["sample"].cast(pa.string()))
        return cls(features, classes, np.concatenate(codes), pa.chunked_array(names, pa.string()))

    @property
    def is_named(self) -> bool:
        """Whether every row has the name of a sample."""
        return bool(len(self._names)) and self._names.null_count == 0

    def item(self, row: int) -> Item:
        """Name the sample of a row."""
        class_name = self.classes[self.codes[row]]
        return Item(class_name, name_in_class(class_name, self._names[row].as_py()))

    def items(self) -> Iterator[Item]:
        """Name the samples of all rows."""
        row = 0
        for chunk in self._names.chunks:
            for name in chunk.to_pylist():
                class_name = self.classes[self.codes[row]]
                yield Item(class_name, name_in_class(class_name, name))
                row += 1

    def rows(self) -> Rows:
        """Give the features themselves, read as they are needed."""

        def batches() -> Iterator[NDArray[np.floating]]:
            return (feature_matrix(batch) for batch in self.features.batches(["feature"]))

        return Rows(len(self.codes), batches)


def paths_of(dataset: Dataset) -> Mapping[Item, str]:
    """Give the path of every sample of a dataset."""
    return {
        Item(class_name, name_in_class(class_name, sample)): sample
        for class_name, samples in dataset.samples.items()
        for sample in samples
    }
