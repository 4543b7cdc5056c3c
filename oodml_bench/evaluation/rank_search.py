"""Counting how many samples of other classes lie before each sample of a query's own class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.checking import Floats, Integers, LabelledEmbeddings
from oodml_bench.evaluation.mates import mates_of
from oodml_bench.evaluation.near_ties import NearTies
from oodml_bench.evaluation.tiles import Factors, Near, rounding

Booleans = NDArray[np.bool_]

#: Bits of a distance in a key.
_BITS = 32


class RankSearch:
    """What is known so far about a range of queries, where all samples are sorted by class.

    A key holds the place of a query and the bits of a distance, which are ordered as distances are: the keys of the
    mates, query after query, ascend as a whole, so that one search places any other sample.

    Parameters
    ----------
    samples
        All samples, sorted by class.
    factors
        The same.
    near_ties
        The same, for distances that the tiles cannot tell apart.
    queries
        The queries among the samples.
    limits
        Shape (C,): the rank up to which ranks matter for queries of each class.
    galleries
        Shape (G, C): the classes of each gallery.
    """

    def __init__(
        self,
        samples: LabelledEmbeddings,
        factors: Factors,
        near_ties: NearTies,
        queries: slice,
        limits: Integers,
        galleries: Booleans,
    ) -> None:
        self._codes, self._queries, self._galleries = samples.codes, queries, galleries
        self._near_ties = near_ties
        self._mates = mates_of(samples, queries)
        self._limits = limits[samples.codes[queries]]
        self._halves = factors.halves[queries]
        owners = np.repeat(np.arange(len(self._halves)), self._mates.counts)
        self._keys = _keys(owners, self._mates.distances)
        # Samples of other classes that lie after the previous mate and not after this one.
        self._between = np.zeros((len(galleries), len(self._keys)), dtype=np.int64)
        self._reach = np.empty(len(self._halves), dtype=np.float32)
        self._find_reach(slice(0, len(self._halves)))

    @property
    def mates(self) -> Integers:
        """How many mates each query has."""
        return self._mates.counts

    def reach(self, rows: slice) -> Floats:
        """Give the distance beyond which nothing matters to each query, float32; -inf where nothing does."""
        return self._reach[self._local(rows)]

    def count(self, queries: slice, others: slice, near: Near) -> None:
        """Count pairs of different classes of the tile of `queries` and `others`."""
        local = self._local(queries)
        starts = self._mates.starts[local.start : local.stop + 1]
        part = slice(starts[0], starts[-1])
        positions = self._positions(local, part, others, near)
        own, other = self._codes[queries][near.queries], self._codes[others][near.others]
        # Behind the last mate nothing matters.
        before = positions < (starts[1:] - part.start)[near.queries]
        for counts, holds in zip(self._between, self._galleries, strict=True):
            counted = positions[before & holds[own] & holds[other]]
            counts[part] += np.bincount(counted, minlength=part.stop - part.start)
        # What came is worth a look at what still matters, unless that costs more than it can save.
        if len(positions) * 4 >= (part.stop - part.start) * len(self._galleries):
            self._find_reach(local)

    def _positions(self, local: slice, part: slice, others: slice, near: Near) -> Integers:
        """Find the first mate, counted within a part of the mates, that each sample is not behind."""
        places = local.start + near.queries
        slack = rounding(self._halves[places], near.distances)
        # The last key stands for none.
        keys = np.append(self._keys[part], np.iinfo(np.int64).max)
        positions = np.searchsorted(keys, _keys(places, near.distances - slack))
        highest = _keys(places, near.distances + slack)
        rows = self._mates.rows[part]
        doubtful = np.flatnonzero(keys[positions] <= highest)
        while len(doubtful):
            before = self._near_ties.first_is_at_most_as_far(
                self._queries.start + places[doubtful], others.start + near.others[doubtful], rows[positions[doubtful]]
            )
            doubtful = doubtful[~before]
            positions[doubtful] += 1
            doubtful = doubtful[keys[positions[doubtful]] <= highest[doubtful]]
        return positions

    def _local(self, rows: slice) -> slice:
        return slice(rows.start - self._queries.start, rows.stop - self._queries.start)

    def ranks(self) -> Integers:
        """Give the ranks, query after query: shape (G, pairs of one class)."""
        return self._ranks(slice(0, len(self.mates)))

    def _ranks(self, local: slice) -> Integers:
        starts, mates = self._mates.starts[local.start : local.stop], self.mates[local]
        part = slice(self._mates.starts[local.start], self._mates.starts[local.stop])
        begins = np.repeat(starts - part.start, mates)
        counted = np.cumsum(self._between[:, part], axis=1)
        # What was counted before each query.
        earlier = np.hstack([np.zeros((len(counted), 1), dtype=np.int64), counted])[:, begins]
        return np.arange(1, len(begins) + 1) - begins + counted - earlier

    def _find_reach(self, local: slice) -> None:
        """Find the farthest sample of its own class that may still come within the limit of each query."""
        starts, mates = self._mates.starts[local.start : local.stop], self.mates[local]
        owners = np.repeat(np.arange(len(mates)), mates)
        searched = self._galleries[:, self._codes[self._queries][local]]
        alive = (self._ranks(local) <= self._limits[local][owners]) & searched[:, owners]
        # Ranks ascend: those within the limit come first.
        numbers = np.bincount(owners[alive.any(axis=0)], minlength=len(mates))
        some = numbers > 0
        reach = np.full(len(mates), -np.inf, dtype=np.float32)
        farthest = self._mates.distances[(starts + numbers)[some] - 1]
        reach[some] = farthest + rounding(self._halves[local][some], farthest)
        self._reach[local] = reach


def _keys(places: Integers, distances: Floats) -> Integers:
    # Rounding may have put a distance just below zero, or at minus zero.
    bits = (np.maximum(distances, 0) + np.float32(0)).view(np.int32)
    return (places.astype(np.int64) << _BITS) | bits
