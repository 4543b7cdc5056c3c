"""How a path compares with that of the published rule, at equal numbers of swaps."""

from __future__ import annotations

import math

from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.progression import Progression, sign_of
from oodml_bench.splits.seats import ROUNDING


def comparison_note(path: Progression, published: Progression, space: ClassSpace) -> str:
    """Say where the published rule finds a harder (or easier) split with no more swaps, and by how much."""
    sign = sign_of("easier" if path.kind == "easier" else "harder")
    start = path.steps[0].split
    own = [(step.split.swaps_from(start), step.fid) for step in path.steps]
    behind: list[tuple[float, int]] = []
    compared = published.steps[1:]
    for step in compared:
        swaps = step.split.swaps_from(start)
        furthest = max(sign * fid for count, fid in own if count <= swaps)
        lead = furthest - sign * step.fid
        if lead < -(space.rounding + ROUNDING * step.fid):
            behind.append((-lead / step.fid if step.fid else math.inf, swaps))
    if not behind:
        return f"{path.kind}: at every number of swaps at least as far as the published rule gets"
    most, swaps = max(behind)
    return (
        f"{path.kind}: the published rule gets further at {len(behind)} of {len(compared)} numbers of swaps, by up to "
        f"{most:.1%} (at {swaps} swaps): a nested path to the best end leads elsewhere first. --not-nested gives the "
        "best split at each number."
    )
