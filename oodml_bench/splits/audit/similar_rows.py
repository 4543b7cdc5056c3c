"""Pairs of rows of a matrix that point the same way, by an exact search that keeps little in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.progress import progress_of

Floats = NDArray[np.floating]
Places = NDArray[np.intp]

#: Tells of pairs of rows, by their numbers, which are wanted.
Wanted = Callable[[Places, Places], NDArray[np.bool_]]

#: Most bytes, and most, of the rows that are held while all others stream past them.
_BLOCK_BYTES = 2**26
_BLOCK_ROWS = 2**14

#: Most pairs that one call of faiss may give, and most that are computed anew at once. A whole block is asked for 512
#: rows at a time by that: asked for fewer than some 200, faiss takes ten times as long.
_MOST_AT_ONCE = 2**23
_RESCORED_AT_ONCE = 2**12

#: faiss computes in float32: what it finds may be off by less than this.
_SLACK = 1e-4

#: Digits of a cosine: fewer than rounding decides.
_DIGITS = 6

#: A row nearer to the mean than this, relative to its length, points nowhere.
_NOWHERE = 1e-6


@dataclass(frozen=True)
class Rows:
    """A matrix of which a part at a time is in memory.

    Attributes
    ----------
    count
        Number of rows.
    batches
        Reads the rows, (n, D) at a time, always in the same order.
    """

    count: int
    batches: Callable[[], Iterator[Floats]]

    @classmethod
    def of(cls, matrix: Floats) -> Rows:
        """Give a matrix that is in memory."""
        return cls(len(matrix), lambda: iter((matrix,)))


@dataclass(frozen=True, eq=False)
class Alike:
    """Pairs of rows that are alike, the most similar first.

    Attributes
    ----------
    first, second
        (P,) numbers of the rows, the first below the second.
    similarity
        (P,) float64: cosine of both rows, taken from the mean of all.
    dropped
        How many more pairs were alike, and less so than those that are kept. Where it is not 0 it is a lower bound.
    """

    first: Places
    second: Places
    similarity: NDArray[np.float64]
    dropped: int = 0


def alike_rows(
    rows: Rows, at_least: float, wanted: Sequence[Wanted], *, most: int, description: str, progress: bool = False
) -> list[Alike]:
    """Find all pairs of rows whose cosine, taken from the mean of all rows, is at least some number.

    Every pair is compared, by faiss in float32, and what is near enough once more in float64, so that neither threads
    nor the cut into batches decide. Memory is bounded by a block of rows and by `most`, whatever the number of rows;
    time grows with its square.

    Parameters
    ----------
    rows
        The matrix.
    at_least
        The least cosine.
    wanted
        Of which pairs to tell; a list is given for each.
    most
        Pairs that are kept for each: the most similar.
    description
        What the progress bar calls it.
    progress
        Show progress on standard error.
    """
    kept = [_Kept(at_least, most) for _ in wanted]
    if rows.count > 1:
        mean, size = _mean(rows), _block_rows(rows)
        total = sum(rows.count - start for start in range(0, rows.count, size))
        with progress_of(description, total, shown=progress) as advance:
            for found, compared in _found(rows, size, mean, lambda: min(each.floor for each in kept)):
                for tell, each in zip(wanted, kept, strict=True):
                    each.add(found, tell)
                advance(compared)
    return [each.result() for each in kept]


def _mean(rows: Rows) -> NDArray[np.float64]:
    total = sum(batch.sum(axis=0, dtype=np.float64) for batch in rows.batches())
    return np.asarray(total, dtype=np.float64) / rows.count


def _block_rows(rows: Rows) -> int:
    """Give how many rows a block has."""
    first = next(batch for batch in rows.batches() if len(batch))
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (first.shape[1] * first.itemsize)))


@dataclass(frozen=True, eq=False)
class _Found:
    """Pairs between a block and a batch that streams past it, by float32."""

    first: Places
    second: Places
    cosines: Callable[[NDArray[np.bool_]], NDArray[np.float64]]


def _found(
    rows: Rows, size: int, mean: NDArray[np.float64], floor: Callable[[], float]
) -> Iterator[tuple[_Found, int]]:
    import faiss

    for start, block in _blocks(rows, size):
        index = faiss.IndexFlatIP(block.shape[1])
        index.add(_directions(block, mean).astype(np.float32))
        width = max(1, _MOST_AT_ONCE // len(block))
        for offset, batch in _from(rows, start):
            for begin in range(0, len(batch), width):
                part = batch[begin : begin + width]
                queries = _directions(part, mean).astype(np.float32)
                limits, _, others = index.range_search(queries, floor() - _SLACK)
                second = np.repeat(np.arange(len(part)), (limits[1:] - limits[:-1]).astype(np.intp)) + offset + begin
                first = others.astype(np.intp) + start
                above = first < second
                yield _pairs(block, start, part, offset + begin, mean, first[above], second[above]), len(part)


def _pairs(
    block: Floats, start: int, part: Floats, offset: int, mean: NDArray[np.float64], first: Places, second: Places
) -> _Found:
    def cosines(of: NDArray[np.bool_]) -> NDArray[np.float64]:
        a, b = first[of] - start, second[of] - offset
        exact = np.empty(len(a))
        for begin in range(0, len(a), _RESCORED_AT_ONCE):
            cut = slice(begin, begin + _RESCORED_AT_ONCE)
            exact[cut] = np.einsum("nd,nd->n", _directions(block[a[cut]], mean), _directions(part[b[cut]], mean))
        return np.clip(exact, -1, 1).round(_DIGITS)

    return _Found(first, second, cosines)


def _directions(rows: Floats, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    centred: NDArray[np.float64] = rows.astype(np.float64) - mean
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    nowhere = lengths <= _NOWHERE * np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    centred /= np.where(nowhere, np.inf, lengths)
    return centred


def _blocks(rows: Rows, size: int) -> Iterator[tuple[int, Floats]]:
    """Give the rows in blocks, each with the number of its first row."""
    held: list[Floats] = []
    start = count = 0
    for batch in rows.batches():
        rest = batch
        while len(rest):
            held.append(rest[: size - count])
            count, rest = count + len(held[-1]), rest[size - count :]
            if count == size:
                yield start, np.concatenate(held)
                start, count, held = start + size, 0, []
    if held:
        yield start, np.concatenate(held)


def _from(rows: Rows, start: int) -> Iterator[tuple[int, Floats]]:
    """Give the batches from a row on, each with the number of its first row."""
    offset = 0
    for batch in rows.batches():
        skipped = max(0, start - offset)
        if skipped < len(batch):
            yield offset + skipped, batch[skipped:]
        offset += len(batch)


class _Kept:
    """The most similar pairs so far."""

    def __init__(self, at_least: float, most: int) -> None:
        self.floor = at_least
        self._most = most
        self._dropped = 0
        self._pairs: list[tuple[Places, Places, NDArray[np.float64]]] = []
        self._count = 0

    def add(self, found: _Found, wanted: Wanted) -> None:
        of = wanted(found.first, found.second)
        if not of.any():
            return
        similarity = found.cosines(of)
        near = similarity >= self.floor
        self._pairs.append((found.first[of][near], found.second[of][near], similarity[near]))
        self._count += int(near.sum())
        if self._count > 2 * self._most:
            self._trim()

    def _trim(self) -> None:
        first, second, similarity = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        order = np.lexsort((second, first, -similarity))[: self._most]
        self._dropped += len(first) - len(order)
        self._pairs = [(first[order], second[order], similarity[order])]
        self._count = len(order)
        if self._dropped:
            self.floor = float(similarity[order[-1]])

    def result(self) -> Alike:
        if not self._pairs:
            nothing = np.empty(0, dtype=np.intp)
            return Alike(nothing, nothing, np.empty(0))
        self._trim()
        return Alike(*self._pairs[0], dropped=self._dropped)
