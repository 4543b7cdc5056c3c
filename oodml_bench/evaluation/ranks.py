"""At which rank the samples of a query's own class come among all other samples.

Every retrieval metric here is a function of these ranks alone, so that no list of neighbours is made: of each tile of
the distance matrix only the few pairs count that are nearer than a sample of the own class. Half of the tiles are
computed, since a distance serves both of its ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.checking import Integers, LabelledEmbeddings
from oodml_bench.evaluation.near_ties import NearTies
from oodml_bench.evaluation.rank_search import Booleans, RankSearch
from oodml_bench.evaluation.tiles import Factors, Tiles, tiles_of
from oodml_bench.features.spooling import gathered

#: Pairs of one class that are held at once, times the galleries: about 50 bytes each.
_HELD = 2**23


@dataclass(frozen=True)
class PositiveRanks:
    """Ranks of the samples of their own class, for some queries.

    Attributes
    ----------
    queries
        Rows of the Q queries.
    mates
        Shape (Q,): other samples of the query's class, at least one.
    ranks
        Shape (G, mates.sum()): for each gallery the ranks of these samples, ascending, query after query; from 1. Exact
        up to the limit; one beyond it is only known to be beyond it. Without meaning where the query's class is not in
        the gallery.
    """

    queries: Integers
    mates: Integers
    ranks: Integers

    @property
    def starts(self) -> Integers:
        """Where the ranks of each query begin."""
        return np.cumsum(self.mates) - self.mates

    @property
    def places(self) -> Integers:
        """The place of each rank among its query's, from 1."""
        return np.arange(1, self.ranks.shape[1] + 1) - np.repeat(self.starts, self.mates)


def positive_ranks(
    samples: LabelledEmbeddings, limits: Integers, galleries: Booleans | None = None, device: str = "cpu"
) -> Iterator[PositiveRanks]:
    """Rank the samples of each query's class among all other samples, by Euclidean distance.

    A sample is never its own neighbour, whatever its duplicates. Of samples at the same distance those of other classes
    come first: the ranks do not depend on the order of the samples, and an embedding that maps all to one point, or to
    a few, scores nothing by chance. Distances are computed in float32, and those that it cannot tell apart again in
    float64: neither the device nor the number of threads changes a rank.

    Parameters
    ----------
    samples
        What is searched, and by what.
    limits
        Shape (C,): the rank up to which ranks matter for queries of each class.
    galleries
        Shape (G, C): which classes each of several galleries holds; all in one unless given. Queries search the
        galleries that hold their own class.
    device
        Where distances are computed.

    Yields
    ------
    PositiveRanks
        Of a part of the queries that have another sample of their class, so that memory stays bounded.

    Raises
    ------
    BackboneError
        Where this machine has no such device.
    """
    if galleries is None:
        galleries = np.ones((1, len(samples.sizes)), dtype=np.bool_)
    order = np.argsort(samples.codes, kind="stable")
    samples = LabelledEmbeddings(gathered(samples.embeddings, order), samples.codes[order], samples.sizes)
    factors, near_ties = Factors.of(samples.embeddings), NearTies(samples.embeddings)
    tiles = tiles_of(factors, device)
    grid = [slice(start, min(start + tiles.side, len(order))) for start in range(0, len(order), tiles.side)]
    for first, last in _groups(grid, samples.sizes[samples.codes] - 1, len(galleries)):
        queries = slice(grid[first].start, grid[last].stop)
        search = RankSearch(samples, factors, near_ties, queries, limits, galleries)
        for row in range(first, last + 1):
            for column in range(len(grid)):
                # Within the group a tile serves both directions; all that lies outside is only searched.
                if not first <= column < row:
                    _compare(search, tiles, samples.codes, grid[row], grid[column], both=row < column <= last)
        some = search.mates > 0
        yield PositiveRanks(order[queries][some], search.mates[some], search.ranks())


def _groups(grid: list[slice], mates: Integers, galleries: int) -> Iterator[tuple[int, int]]:
    """Put neighbouring tiles together, as first and last, as far as their pairs of one class may be held at once."""
    first, held = 0, 0
    for number, rows in enumerate(grid):
        pairs = int(mates[rows].sum()) * galleries
        if number > first and held + pairs > _HELD:
            yield first, number - 1
            first, held = number, 0
        held += pairs
    yield first, len(grid) - 1


def _compare(search: RankSearch, tiles: Tiles, codes: Integers, rows: slice, columns: slice, *, both: bool) -> None:
    row_limits = search.reach(rows)
    column_limits = search.reach(columns) if both else None
    by_row, by_column = (limits is not None and bool(limits.max() >= 0) for limits in (row_limits, column_limits))
    if not by_row and not by_column:
        return
    tile = tiles.tile(rows, columns, _same_class(codes[rows], codes[columns]))
    if by_row:
        search.count(rows, columns, tile.near_rows(row_limits))
    if column_limits is not None and by_column:
        search.count(columns, rows, tile.near_columns(column_limits))


def _same_class(rows: Integers, columns: Integers) -> NDArray[np.bool_] | None:
    """Give the pairs of one class in a tile of samples sorted by class; None where there are none."""
    if rows[-1] < columns[0] or columns[-1] < rows[0]:
        return None
    return rows[:, None] == columns
