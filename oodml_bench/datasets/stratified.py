"""A subset of classes in which each superclass has its share."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def stratified_subset(superclasses: Mapping[int, str], count: int, seed: int = 0) -> list[int]:
    """Draw `count` items, from each superclass in proportion to its size.

    The shares are rounded by the method of the largest remainder, so that each superclass gives its exact share rounded
    down or up.

    Parameters
    ----------
    superclasses
        The superclass of each item.
    count
        How many items to draw, at most all.
    seed
        Seed of the draw.

    Returns
    -------
    list of int
        The drawn items, sorted.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    drawn: list[int] = []
    for superclass, share in sorted(_shares(Counter(superclasses.values()), count).items()):
        members = sorted(item for item, above in superclasses.items() if above == superclass)
        drawn.extend(members[place] for place in rng.permutation(len(members))[:share])
    return sorted(drawn)


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Give the number of items that each superclass gives."""
    total = sum(sizes.values())
    # Whole numbers throughout: a rounding error must not decide between two equal remainders.
    shares = {name: size * count // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(sizes[name] * count % total), name))
    for name in by_remainder[: count - sum(shares.values())]:
        shares[name] += 1
    return shares
