"""What features score as they are: the mark that training has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.results import ResultRow
from oodml_bench.features.spooling import gathered, spooled
from oodml_bench.training.material import Material
from oodml_bench.training.scoring import Subject, zero_shot_rows

#: What results call them.
UNTRAINED = "features, untrained"

#: Rows that are worked on at once.
_BLOCK = 4096


def untrained_rows(
    material: Material,
    *,
    levels: Sequence[int] | None = None,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> list[ResultRow]:
    """Score the features of the test classes of each level, at length 1, without any training.

    Parameters
    ----------
    material
        The benchmark and features.
    levels
        Numbers of levels; all unless given.
    metrics
        Names of metrics; all unless given.
    device
        Where neighbours are searched.

    Raises
    ------
    SplitError, DatasetError
        Where there is no such level, or the features are not those of the benchmark.
    EmbeddingError
        Where a feature has length 0.
    """
    rows: list[ResultRow] = []
    for number in sorted(material.benchmark.levels) if levels is None else levels:
        test = material.samples.set_of(material.level(number).test)
        features = gathered(material.feature_rows, test.rows)
        units = spooled(_at_length_1(features[start : start + _BLOCK]) for start in range(0, len(features), _BLOCK))
        subject = Subject(material.benchmark, number, UNTRAINED, 0)
        rows += zero_shot_rows(subject, units, test.labels, "given", metrics=metrics, device=device)
    return rows


def _at_length_1(features: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return (features / lengths).astype(np.float32, copy=False)
