"""Which of the samples with similar features are the same picture, and which files are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from oodml_bench.datasets import Dataset
from oodml_bench.splits.audit.boundaries import Boundaries
from oodml_bench.splits.audit.candidates import Candidate
from oodml_bench.splits.audit.findings import Apart, Finding, Item
from oodml_bench.splits.audit.identical_files import identical_files, pairs_of
from oodml_bench.splits.audit.pictures import compared, looks
from oodml_bench.splits.audit.sample_table import paths_of

Pair = tuple[Item, Item]

#: Cosine of features, taken from the mean of all, from which samples are told of without a look at their pictures.
UNCONFIRMED_FROM = 0.99


@dataclass(frozen=True)
class Confirmed:
    """What pictures say.

    Attributes
    ----------
    findings
        What was found.
    unread
        Samples of the dataset that could not be read.
    paths
        The path of every sample of the dataset.
    notes
        What was not told of, a sentence each.
    """

    findings: list[Finding]
    unread: int
    paths: Mapping[Item, str]
    notes: list[str]


def unconfirmed(pairs: Iterable[Candidate]) -> list[Finding]:
    """Tell of candidates whose pictures are not known."""
    return [
        Finding("unconfirmed", pair.first, pair.second, pair.apart, pair.similarity)
        for pair in pairs
        if pair.similarity >= UNCONFIRMED_FROM
    ]


def confirmed(
    dataset: Dataset, pairs: Sequence[Candidate], boundaries: Boundaries, *, most: int, progress: bool = False
) -> Confirmed:
    """Compare the pictures of candidates, and the content of every file of a dataset.

    Candidates that do not look the same are dropped; those of which a picture is missing stay unconfirmed.

    Parameters
    ----------
    dataset
        The pictures.
    pairs
        Samples with similar features.
    boundaries
        The boundaries of the benchmark.
    most
        Most pairs of identical files that are told of.
    progress
        Show progress on standard error.
    """
    paths = paths_of(dataset)
    groups, unreadable = identical_files(dataset, paths, progress=progress)
    same = list(islice(pairs_of(groups), most))
    total = sum(len(group) * (len(group) - 1) // 2 for group in groups)
    similarity = {(pair.first, pair.second): pair.similarity for pair in pairs}
    found = [
        Finding("identical files", *pair, apart, similarity.get(pair))
        for pair, apart in zip(same, _places(same, boundaries), strict=True)
    ]
    told = set(same)
    alike, unopened = _alike(dataset, paths, [p for p in pairs if (p.first, p.second) not in told], progress=progress)
    notes = [f"{total - most:,} more pairs of identical files are not listed."] if total > most else []
    return Confirmed(found + alike, unreadable + unopened, paths, notes)


def _places(pairs: Sequence[Pair], boundaries: Boundaries) -> list[tuple[Apart, ...]]:
    """Give where pairs of samples are apart, of two classes or of one."""
    of_classes = boundaries.places_of_classes([(first.class_name, second.class_name) for first, second in pairs])
    return [
        boundaries.places_within(first.class_name, first.sample, second.sample)
        if first.class_name == second.class_name
        else places
        for (first, second), places in zip(pairs, of_classes, strict=True)
    ]


def _alike(
    dataset: Dataset, paths: Mapping[Item, str], pairs: Sequence[Candidate], *, progress: bool
) -> tuple[list[Finding], int]:
    """Give what pictures of candidates have in common, and the number of pictures that could not be opened."""
    items = {item for pair in pairs for item in (pair.first, pair.second)}
    seen = looks(dataset, paths, items, progress=progress)
    found = []
    for pair in pairs:
        if pair.first not in seen or pair.second not in seen:
            found += unconfirmed([pair])
            continue
        kind, distance = compared(seen[pair.first], seen[pair.second])
        if kind is not None:
            found.append(Finding(kind, pair.first, pair.second, pair.apart, pair.similarity, distance))
    return found, len(items & paths.keys()) - len(seen)
