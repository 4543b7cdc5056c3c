"""The other samples of a query's class, nearest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oodml_bench.evaluation.checking import Floats, Integers, LabelledEmbeddings


@dataclass(frozen=True)
class Mates:
    """The mates of some queries, that is, the other samples of their class; all are sorted by class.

    Attributes
    ----------
    counts
        Mates of each query, shape (Q,).
    starts
        Where those of each query begin, and where the last one's end: shape (Q + 1,).
    rows
        The mates, query after query, nearest first.
    distances
        Half the squared distance of each, rounded to float32 from float64.
    """

    counts: Integers
    starts: Integers
    rows: Integers
    distances: Floats


def mates_of(samples: LabelledEmbeddings, queries: slice) -> Mates:
    """Find the mates of a range of queries among samples that are sorted by class."""
    first, last = queries.start, queries.stop
    counts = samples.sizes[samples.codes[queries]] - 1
    starts = np.concatenate([[0], np.cumsum(counts)])
    rows, distances = np.empty(starts[-1], dtype=np.int64), np.empty(starts[-1], dtype=np.float32)
    ends = np.cumsum(samples.sizes)
    for code in range(samples.codes[first], samples.codes[last - 1] + 1):
        begin, end = ends[code] - samples.sizes[code], ends[code]
        own = slice(max(begin, first) - begin, min(end, last) - begin)
        order, found = _nearest_first(samples.embeddings[begin:end], own)
        part = slice(starts[begin + own.start - first], starts[begin + own.stop - first])
        rows[part], distances[part] = begin + order.ravel(), found.ravel()
    return Mates(counts, starts, rows, distances)


def _nearest_first(members: Floats, own: slice) -> tuple[Integers, Floats]:
    """Order the members of a class by their distance to each of some of them, which is left out itself."""
    centred = members.astype(np.float64)
    centred -= centred.mean(axis=0)
    halves = np.einsum("nd,nd->n", centred, centred) / 2
    distances = halves[own, None] + halves - centred[own] @ centred.T
    places = np.arange(own.start, own.stop)
    # Before all others, from where it is cut off.
    distances[np.arange(len(places)), places] = -np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, 1:]
    found = np.maximum(np.take_along_axis(distances, order, axis=1), 0)
    return order, found.astype(np.float32)
