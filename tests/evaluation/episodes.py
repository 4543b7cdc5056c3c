"""Results of few-shot episodes, for tests."""

import numpy as np

from .rows import FIDS, row

#: Shape (seeds, levels, episodes).
BEFORE = np.array([[[0.5, 0.4], [0.4, 0.4], [0.2, 0.4]], [[0.6, 0.5], [0.4, 0.2], [0.25, 0.25]]])
AFTER = BEFORE + np.array([[[0.1, 0.0], [0.2, 0.1], [0.1, 0.1]], [[0.0, 0.1], [0.1, 0.1], [0.25, 0.25]]])


def episode_rows(before=BEFORE, after=AFTER, adaptation="margin", shots=2, **changes):
    """Give rows of scores before and after an adaptation."""
    return [
        row(
            level=level + 1, fid=FIDS[level], seed=seed, episode=episode, shots=shots, value=float(value),
            adaptation=name, **changes,
        )
        for name, scores in ((None, before), (adaptation, after))
        for (seed, level, episode), value in np.ndenumerate(scores)
    ]  # fmt: skip


def adapted(rows):
    """Give the rows after adaptation alone, to go with others before."""
    return [row for row in rows if row.adaptation is not None]
