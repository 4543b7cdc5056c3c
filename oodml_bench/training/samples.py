"""The samples that a run is given, and whether they are those that a benchmark is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oodml_bench.datasets import Dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError, SplitError
from oodml_bench.features import Features, feature_matrix
from oodml_bench.features.spooling import spooled
from oodml_bench.splits import Benchmark, Level

Indices = NDArray[np.int64]

#: How many names a message lists.
_LISTED = 5


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Samples of some classes.

    Attributes
    ----------
    classes
        Their names, sorted: class names become labels in this order, whatever order a benchmark lists them in.
    rows
        (N,) int64: which of all samples they are, ascending inside each class, class after class.
    labels
        (N,) int64: positions in `classes`.
    """

    classes: tuple[str, ...]
    rows: Indices
    labels: Indices


@dataclass(frozen=True, eq=False)
class Samples:
    """All samples of a dataset, or of features.

    Attributes
    ----------
    source
        Name of the dataset, for messages.
    fingerprint
        The dataset's; None where it is not known.
    names
        Name of each sample; None where it has none.
    rows_of
        Class name → the rows of its samples, ascending.
    """

    source: str
    fingerprint: str | None
    names: Sequence[str | None] = field(repr=False)
    rows_of: Mapping[str, Indices] = field(repr=False)

    @classmethod
    def of(cls, given: Dataset | Features) -> Samples:
        """Give the samples of a dataset, or of features, in their order.

        A dataset's fingerprint is taken: every sample is read once.
        """
        if isinstance(given, Dataset):
            pairs = [(name, sample) for name in given.classes for sample in given.samples[name]]
            return cls(given.name, given.fingerprint, [sample for _, sample in pairs], _rows(name for name, _ in pairs))
        names: list[str | None] = []

        def classes() -> Iterator[str]:
            for batch in given.batches(["sample", "class"]):
                names.extend(batch["sample"].to_pylist())
                yield from batch["class"].to_pylist()

        rows = _rows(classes())
        return cls(given.name, given.dataset_fingerprint, names, rows)

    def set_of(self, classes: Iterable[str]) -> SampleSet:
        """Give all samples of some classes."""
        ordered = tuple(sorted(classes))
        rows = [self.rows_of[name] for name in ordered]
        labels = np.repeat(np.arange(len(ordered)), [len(of_class) for of_class in rows])
        return SampleSet(ordered, np.concatenate([np.empty(0, np.int64), *rows]), labels.astype(np.int64))

    def names_in_class(self, class_name: str) -> frozenset[str]:
        """Give the names that the samples of a class have inside it; none where samples have no names."""
        rows = self.rows_of.get(class_name, ())
        return frozenset(name_in_class(class_name, name) for row in rows if (name := self.names[row]))

    def check(self, benchmark: Benchmark, level: Level) -> None:
        """Refuse a level of a benchmark that is about other samples.

        Raises
        ------
        DatasetError
            Where the fingerprint is not the benchmark's, or classes of the level or samples of its episodes are
            missing.
        SplitError
            Where a class of the level is on both sides, or its validation split is none of its train classes.
        """
        _check_sides(benchmark, level)
        expected = None if benchmark.provenance is None else benchmark.provenance.dataset_fingerprint
        if None not in (expected, self.fingerprint) and expected != self.fingerprint:
            raise DatasetError(
                f"dataset {self.source} has the fingerprint {self.fingerprint}, but the benchmark {benchmark.name} was "
                f"made of one with {expected}: images, names or classes differ. Give the dataset that the benchmark "
                "was made of, or build a benchmark of this one."
            )
        self._check_classes(benchmark, level)
        self._check_episodes(benchmark, level)

    def _check_classes(self, benchmark: Benchmark, level: Level) -> None:
        needed = {*level.train, *level.test}
        if missing := needed - self.rows_of.keys():
            raise DatasetError(
                f"dataset {self.source} lacks {len(missing)} of the {len(needed)} classes of this level of the "
                f"benchmark {benchmark.name}: {_listed(missing)}. It has {len(self.rows_of)} classes, such as "
                f"{next(iter(self.rows_of))!r}. Give the dataset that the benchmark was made of."
            )

    def _check_episodes(self, benchmark: Benchmark, level: Level) -> None:
        if None in self.names:
            return
        support: dict[str, set[str]] = {}
        for episodes in level.test_episodes.values():
            for episode in episodes.values():
                if isinstance(episode, dict):
                    for class_name, samples in episode.items():
                        support.setdefault(class_name, set()).update(samples)
        needed = sum(map(len, support.values()))
        missing = [
            f"{class_name}/{sample}"
            for class_name, samples in support.items()
            for sample in samples - self.names_in_class(class_name)
        ]
        if missing:
            raise DatasetError(
                f"dataset {self.source} lacks {len(missing)} of the {needed} samples in the episodes of this level of "
                f"the benchmark {benchmark.name}: {_listed(missing)}. Give the dataset that the benchmark was made of."
            )


def _check_sides(benchmark: Benchmark, level: Level) -> None:
    """Refuse a level that would have weights trained on, or selected by, classes that they are scored on."""
    both = {*level.train} & {*level.test} or {*level.split_train} & {*level.split_val}
    stray = {*level.split_train, *level.split_val} - {*level.train}
    for wrong, what in ((both, "on two sides of it"), (stray, "in its validation split, but no train classes")):
        if wrong:
            raise SplitError(
                f"the level of FID {level.fid:.6g} of the benchmark {benchmark.name} cannot be trained on: "
                f"{len(wrong)} classes are {what}: {_listed(wrong)}. Build the benchmark again, or mend the file."
            )


def read_feature_rows(features: Features) -> NDArray[np.float32]:
    """Read all features as one matrix, (N, D) float32, in the order of `Samples.of`, as `spooled` keeps it."""
    return spooled(feature_matrix(batch).astype(np.float32, copy=False) for batch in features.batches(["feature"]))


def _rows(classes: Iterable[str]) -> dict[str, Indices]:
    codes: dict[str, int] = {}
    # No list of names: of very many samples it would be the largest thing there.
    of_rows = np.fromiter((codes.setdefault(name, len(codes)) for name in classes), np.int64)
    parts = np.split(np.argsort(of_rows, kind="stable"), np.cumsum(np.bincount(of_rows))[:-1])
    return {name: parts[codes[name]] for name in sorted(codes)}


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    rest = len(ordered) - _LISTED
    return ", ".join(map(repr, ordered[:_LISTED])) + (f" and {rest} more" if rest > 0 else "")
