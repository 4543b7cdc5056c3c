"""A progression as a JSON file."""

from __future__ import annotations

import json

from oodml_bench.splits.progression import Progression


def progression_bytes(progression: Progression) -> bytes:
    """Write a progression as JSON, a line a step.

    ``{"rounds": [{"id", "fid", "mean_term", "covariance_term", "swaps", "train", "test"}, …]}``: `id` is a number, and
    `swaps` counts the train classes of the first step that are test classes.
    """
    start = progression.steps[0].split
    rounds = (
        {
            "id": int(step.id),
            "fid": step.fid,
            "mean_term": step.distance.mean_term,
            "covariance_term": step.distance.covariance_term,
            "swaps": step.split.swaps_from(start),
            "train": step.split.train,
            "test": step.split.test,
        }
        for step in progression.steps
    )
    lines = ",\n".join("  " + json.dumps(step, ensure_ascii=False) for step in rounds)
    return f'{{"rounds": [\n{lines}\n]}}\n'.encode()
