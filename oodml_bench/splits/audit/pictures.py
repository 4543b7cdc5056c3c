"""Whether two pictures are the same: by their pixels, and by a perceptual hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oodml_bench.datasets import Dataset
from oodml_bench.datasets.pictures import digest_of_pixels
from oodml_bench.progress import progress_of
from oodml_bench.splits.audit.findings import Item, Kind

#: Side of a perceptual hash; it has as many bits as a square of this side.
HASH_SIDE = 16

#: Most bits, of 256, in which the hashes of near-identical pictures differ. Of crops of photographs that were saved as
#: JPEG of quality 20, or made half as large, nine in ten differ in no more; crops of different places in 66 and more.
NEAR_BITS = 16


@dataclass(frozen=True, eq=False)
class Look:
    """What is kept of a picture.

    Attributes
    ----------
    pixels
        Digest of its size and pixels.
    bits
        (256,) bool: its perceptual hash.
    """

    pixels: bytes
    bits: NDArray[np.bool_]


def looks(
    dataset: Dataset, paths: Mapping[Item, str], items: Iterable[Item], *, progress: bool = False
) -> dict[Item, Look]:
    """Look at pictures, each once; those that the dataset lacks, or that cannot be read, are left out."""
    # imagehash loads SciPy.
    import imagehash

    wanted = sorted({item for item in items if item in paths})
    found: dict[Item, Look] = {}
    with progress_of("Looking at pictures", len(wanted), shown=progress) as advance:
        for item in wanted:
            try:
                picture = dataset.images.open(paths[item])
            except OSError:
                pass
            else:
                found[item] = Look(
                    digest_of_pixels(picture), imagehash.phash(picture, hash_size=HASH_SIDE).hash.ravel()
                )
            advance(1)
    return found


def compared(first: Look, second: Look) -> tuple[Kind | None, int]:
    """Tell what two pictures have in common, if anything, and in how many bits their hashes differ."""
    distance = int(np.count_nonzero(first.bits != second.bits))
    if first.pixels == second.pixels:
        return "identical pixels", distance
    return ("near-identical" if distance <= NEAR_BITS else None), distance
