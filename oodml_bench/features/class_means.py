"""Class means: one vector a class, the mean of its samples' features."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from oodml_bench.errors import FeatureError
from oodml_bench.features.features import Features, feature_matrix
from oodml_bench.progress import progress_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """The mean feature of each class.

    Attributes
    ----------
    classes
        The C class names, sorted.
    means
        (C, D) float64; float32 where the features are and every class has one row, so that very many classes fit.
    counts
        (C,) int64: the samples of each class.
    samples
        The sample names of each class, sorted; empty where the features name none.
    superclasses
        The superclass of each class that has one.
    sha256
        Digest, in hexadecimal, over the class, sample and feature of every row in the stored order. Neither the cut
        into parts nor the width of the numbers matters to it.
    """

    classes: tuple[str, ...]
    means: NDArray[np.floating]
    counts: NDArray[np.int64]
    samples: Mapping[str, tuple[str, ...]] = field(repr=False)
    superclasses: Mapping[str, str] = field(repr=False)
    sha256: str


def class_means(features: Features, *, progress: bool = False) -> ClassMeans:
    """Average the features of each class, in float64 and in one pass over the features.

    Rows are added one after the other, so that the cut into parts does not change a mean by even a bit.

    Raises
    ------
    FeatureError
        Where there is no row, a feature is not finite, a class has two superclasses, or a sample name occurs twice
        in a class.
    """
    rows = Counter(name for batch in features.batches(["class"]) for name in batch["class"].to_pylist())
    if not rows:
        raise FeatureError(f"features {features.name} hold no row")
    sums = _Sums(rows)
    with progress_of("Averaging classes", features.row_count, shown=progress) as advance:
        for batch in features.batches():
            if len(batch):  # a part whose samples were all skipped has no row
                sums.add(batch)
            advance(len(batch))
    return sums.result()


class _Sums:
    """Running sums over rows, by class."""

    def __init__(self, rows: Counter[str]) -> None:
        self.classes = tuple(sorted(rows))
        self.codes = {name: code for code, name in enumerate(self.classes)}
        self.counts = np.array([rows[name] for name in self.classes], dtype=np.int64)
        self.sums: NDArray[np.floating] | None = None
        self.samples: dict[str, list[str]] = {}
        self.superclasses: dict[str, str | None] = {}
        # Names and features are digested apart: each is then one stream, wherever it is cut.
        self.name_digest = hashlib.sha256()
        self.feature_digest = hashlib.sha256()

    def add(self, batch: pa.RecordBatch) -> None:
        given = feature_matrix(batch)
        rows = given.astype(np.float64)
        _refuse_not_finite(batch, rows)
        self._add_names(batch)
        self.feature_digest.update(np.ascontiguousarray(rows, dtype="<f8").data)
        codes = np.array([self.codes[name] for name in batch["class"].to_pylist()], dtype=np.intp)
        if self.sums is None:
            # One row is its own mean, in whatever width.
            width = given.dtype if self.counts.max() == 1 else np.dtype(np.float64)
            self.sums = np.zeros((len(self.classes), rows.shape[1]), width)
        np.add.at(self.sums, codes, rows.astype(self.sums.dtype, copy=False))

    def _add_names(self, batch: pa.RecordBatch) -> None:
        columns = (batch[name].to_pylist() for name in ("class", "sample", "superclass"))
        for class_name, sample, superclass in zip(*columns, strict=True):
            self.name_digest.update(json.dumps([class_name, sample]).encode())
            if sample is not None:
                self.samples.setdefault(class_name, []).append(sample)
            if self.superclasses.setdefault(class_name, superclass) != superclass:
                raise FeatureError(
                    f"class {class_name} has two superclasses: {self.superclasses[class_name]} and {superclass}"
                )

    def result(self) -> ClassMeans:
        means = np.zeros((0, 0)) if self.sums is None else self.sums
        means /= self.counts[:, np.newaxis].astype(means.dtype)
        return ClassMeans(
            classes=self.classes,
            means=means,
            counts=self.counts,
            samples={name: _distinct(name, self.samples.get(name, [])) for name in self.classes},
            superclasses={name: above for name in self.classes if (above := self.superclasses[name]) is not None},
            sha256=hashlib.sha256(self.name_digest.digest() + self.feature_digest.digest()).hexdigest(),
        )


def _refuse_not_finite(batch: pa.RecordBatch, rows: NDArray[np.float64]) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if bad.size:
        row = int(bad[0])
        raise FeatureError(
            f"the feature of sample {batch['sample'][row].as_py()} of class {batch['class'][row].as_py()} "
            "is not finite (NaN or infinite). Extract the features again, or leave this sample out."
        )


def _distinct(class_name: str, samples: list[str]) -> tuple[str, ...]:
    ordered = sorted(samples)
    for first, second in pairwise(ordered):
        if first == second:
            raise FeatureError(f"class {class_name} has two samples of the name {first}; names must differ in a class")
    return tuple(ordered)
