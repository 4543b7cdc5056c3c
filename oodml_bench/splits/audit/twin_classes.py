"""Classes on opposite sides that may be one: their mean features nearly coincide, or their pictures are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from oodml_bench.features import ClassMeans
from oodml_bench.splits.audit.boundaries import Boundaries
from oodml_bench.splits.audit.findings import Apart, Finding, Item
from oodml_bench.splits.audit.similar_rows import Places, Rows, alike_rows

#: Cosine of two class means, taken from the mean of all, above which they are called nearly the same.
NEARLY_THE_SAME = 0.95


def twin_classes(
    means: ClassMeans, boundaries: Boundaries, *, most: int, progress: bool = False
) -> tuple[list[Finding], list[str]]:
    """Find classes, one in train and one in test, whose means have a cosine above `NEARLY_THE_SAME`.

    Returns
    -------
    (findings, notes)
        A finding a pair of classes, up to `most`; a sentence where there are more.
    """

    def wanted(first: Places, second: Places) -> NDArray[np.bool_]:
        return boundaries.ever_apart(first, second)

    (alike,) = alike_rows(
        Rows.of(means.means), NEARLY_THE_SAME, (wanted,), most=most, description="Comparing classes", progress=progress
    )
    rows = zip(alike.first.tolist(), alike.second.tolist(), strict=True)
    pairs = [(means.classes[first], means.classes[second]) for first, second in rows]
    found = [
        Finding("twin classes", Item(a), Item(b), between, similarity)
        for (a, b), similarity, places in zip(
            pairs, alike.similarity.tolist(), boundaries.places_of_classes(pairs), strict=True
        )
        if (between := _train_and_test(places))
    ]
    more = [f"At least {alike.dropped:,} more pairs of classes have nearly the same mean."] if alike.dropped else []
    return found, more


def _train_and_test(places: Iterable[Apart]) -> tuple[Apart, ...]:
    return tuple(place for place in places if place.boundary == "train/test")


def classes_with_the_same_pictures(
    found: Iterable[Finding], means: ClassMeans, boundaries: Boundaries
) -> list[Finding]:
    """Find classes, one in train and one in test, of which most pictures of the smaller are pictures of the other.

    Parameters
    ----------
    found
        Pairs of samples.
    means
        The class means: for the number of samples of each class.
    boundaries
        The boundaries of the benchmark, with the classes of the means.
    """
    shared: dict[tuple[str, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for pair in found:
        first, second = pair.first, pair.second
        if (
            pair.kind in ("identical files", "identical pixels")
            and pair.apart
            and first.class_name != second.class_name
        ):
            for of_class, item in zip(shared[first.class_name, second.class_name], (first, second), strict=True):
                of_class.add(item.sample)
    sizes = dict(zip(means.classes, means.counts.tolist(), strict=True))
    twins = []
    for names, alike in shared.items():
        size, count = min((sizes[name], len(samples)) for name, samples in zip(names, alike, strict=True))
        places = _train_and_test(boundaries.places_of_classes([names])[0])
        if places and 2 * count > size:
            share = min(1.0, round(count / size, 6))
            twins.append(Finding("same pictures", Item(names[0]), Item(names[1]), places, share))
    return twins
