"""Samples that may be the same picture: their features point the same way, and a boundary lies between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.splits.audit.boundaries import Boundaries
from oodml_bench.splits.audit.findings import Apart, Item
from oodml_bench.splits.audit.sample_table import SampleTable
from oodml_bench.splits.audit.similar_rows import Alike, Places, alike_rows


@dataclass(frozen=True)
class Candidate:
    """Two samples with similar features, in the order of their names."""

    first: Item
    second: Item
    similarity: float
    apart: tuple[Apart, ...]


def candidates(
    table: SampleTable, boundaries: Boundaries, at_least: float, *, most: int, progress: bool = False
) -> tuple[list[Candidate], list[str]]:
    """Find samples on opposite sides whose features have at least some cosine, taken from the mean of all.

    Returns
    -------
    (candidates, notes)
        All such pairs, up to `most` of two classes and `most` of one; a sentence where there are more.
    """
    support = _ever_support(table, boundaries)

    def across(first: Places, second: Places) -> NDArray[np.bool_]:
        return boundaries.ever_apart(table.codes[first].astype(np.intp), table.codes[second].astype(np.intp))

    def within(first: Places, second: Places) -> NDArray[np.bool_]:
        one_class: NDArray[np.bool_] = table.codes[first] == table.codes[second]
        return one_class & (support[first] | support[second])

    of_two, of_one = alike_rows(
        table.rows(), at_least, (across, within), most=most, description="Comparing samples", progress=progress
    )
    found = _across(table, boundaries, of_two) + _within(table, boundaries, of_one)
    notes = [
        _dropped(alike, which) for alike, which in ((of_two, "two classes"), (of_one, "one class")) if alike.dropped
    ]
    return found, notes


def _ever_support(table: SampleTable, boundaries: Boundaries) -> NDArray[np.bool_]:
    known = boundaries.support_samples
    if not known:
        return np.zeros(len(table.codes), dtype=np.bool_)
    return np.fromiter(((item.class_name, item.sample) in known for item in table.items()), np.bool_, len(table.codes))


def _across(table: SampleTable, boundaries: Boundaries, alike: Alike) -> list[Candidate]:
    pairs = _ordered(table, alike)
    places = boundaries.places_of_classes([(first.class_name, second.class_name) for first, second, _ in pairs])
    return [Candidate(*pair, apart) for pair, apart in zip(pairs, places, strict=True)]


def _within(table: SampleTable, boundaries: Boundaries, alike: Alike) -> list[Candidate]:
    found = []
    for first, second, similarity in _ordered(table, alike):
        if apart := boundaries.places_within(first.class_name, first.sample, second.sample):
            found.append(Candidate(first, second, similarity, apart))
    return found


def _ordered(table: SampleTable, alike: Alike) -> list[tuple[Item, Item, float]]:
    pairs = zip(alike.first.tolist(), alike.second.tolist(), alike.similarity.tolist(), strict=True)
    named = ((table.item(a), table.item(b), similarity) for a, b, similarity in pairs)
    return [(min(a, b), max(a, b), similarity) for a, b, similarity in named]


def _dropped(alike: Alike, which: str) -> str:
    return (
        f"More than {len(alike.first):,} pairs of samples of {which} have similar features. The most similar were "
        f"looked at, down to a cosine of {alike.similarity[-1]:.4f}: at least {alike.dropped:,} were not."
    )
