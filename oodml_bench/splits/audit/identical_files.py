"""One content under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from oodml_bench.datasets import Dataset
from oodml_bench.progress import progress_of
from oodml_bench.splits.audit.findings import Item


def identical_files(
    dataset: Dataset, paths: Mapping[Item, str], *, progress: bool = False
) -> tuple[list[tuple[Item, ...]], int]:
    """Find samples with the same content, anywhere in a dataset, by `dataset.images.digest`.

    Returns
    -------
    (groups, unreadable)
        The groups of two and more samples with one content, each in the order of the names; and the number of samples
        that could not be read.
    """
    by_content: dict[bytes, list[Item]] = defaultdict(list)
    unreadable = 0
    with progress_of("Reading files", len(paths), shown=progress) as advance:
        for item, path in paths.items():
            try:
                by_content[dataset.images.digest(path)].append(item)
            except OSError:
                unreadable += 1
            advance(1)
    return sorted(tuple(sorted(group)) for group in by_content.values() if len(group) > 1), unreadable


def pairs_of(groups: list[tuple[Item, ...]]) -> Iterator[tuple[Item, Item]]:
    """Give every pair of every group."""
    for group in groups:
        yield from combinations(group, 2)
