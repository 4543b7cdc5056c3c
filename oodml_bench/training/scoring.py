"""From the embeddings of a level's test classes to rows of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oodml_bench.evaluation.fixed_galleries import size_controlled_scores
from oodml_bench.evaluation.metrics import evaluate_embeddings
from oodml_bench.evaluation.results import ResultRow, Weights
from oodml_bench.evaluation.retrieval import RETRIEVAL_METRICS
from oodml_bench.splits import Benchmark

#: What is scored on galleries of one size unless metrics are chosen.
CONTROLLED_METRICS = ("recall@1", "map@r")


@dataclass(frozen=True)
class Subject:
    """What is scored: where, made how.

    Attributes
    ----------
    benchmark, level
        The benchmark and the number of its level.
    recipe, seed
        Name of the recipe, and seed of the run.
    """

    benchmark: Benchmark
    level: int
    recipe: str
    seed: int

    @property
    def smallest_gallery(self) -> int:
        """The smallest number of test classes over all levels of the benchmark."""
        return min(len(level.test) for level in self.benchmark.levels.values())

    def row(self, weights: Weights, gallery_classes: int | None, metric: str, value: float) -> ResultRow:
        """Give a row of results without support samples."""
        return ResultRow(
            benchmark=self.benchmark.name,
            level=self.level,
            fid=self.benchmark.levels[self.level].fid,
            recipe=self.recipe,
            seed=self.seed,
            weights=weights,
            shots=0,
            episode=None,
            gallery_classes=gallery_classes,
            metric=metric,
            value=value,
        )


def zero_shot_rows(
    subject: Subject,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: Weights,
    *,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> list[ResultRow]:
    """Score embeddings of a level's test classes, and retrieval also on galleries of one size for all levels.

    Parameters
    ----------
    subject
        What is scored.
    embeddings, labels
        (N, D) float32, (N,) int64.
    weights
        What the rows call the weights: `last`, `selected` or `given`.
    metrics
        Names of metrics, of which those of retrieval are scored on galleries of one size as well; None: all, and
        `CONTROLLED_METRICS` on such galleries.
    device
        Where neighbours are searched.

    Raises
    ------
    EmbeddingError
        Where embeddings are not finite, or have the length 0.
    InputError
        Where a metric is unknown.
    """
    # The same clusterings and the same galleries for every run: differences are those of the embeddings.
    scores = evaluate_embeddings(embeddings, labels, metrics=metrics, device=device, seed=0)
    classes = subject.smallest_gallery
    on_galleries = CONTROLLED_METRICS if metrics is None else [name for name in metrics if name in RETRIEVAL_METRICS]
    controlled = size_controlled_scores(embeddings, labels, classes, seed=0, metrics=on_galleries, device=device)
    return [
        *(subject.row(weights, None, metric, value) for metric, value in scores.values.items()),
        *(subject.row(weights, classes, metric, value) for metric, value in controlled.items()),
    ]


def renamed(rows: Sequence[ResultRow], weights: Weights) -> Iterator[ResultRow]:
    """Give rows under another name of the weights: of two that are the same, one is scored."""
    return (replace(row, weights=weights) for row in rows)
