"""Scoring embeddings at the size of Stanford Online Products: this package beside pytorch-metric-learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from measure import Alone, timed_alone
from numpy.typing import NDArray
from tables import Cell, Table, report
from threadpoolctl import threadpool_limits

from oodml_bench.evaluation import evaluate_embeddings
from oodml_bench.evaluation.retrieval import RETRIEVAL_METRICS
from oodml_bench.progress import working_on

OURS, THEIRS = "`evaluate_embeddings`", "pytorch-metric-learning"

#: What either calls the metrics that both have.
SHARED = {"recall@1": "precision_at_1", "map@r": "mean_average_precision_at_r", "nmi": "NMI"}

#: Standard deviation within a class, relative to that between classes: of embeddings that retrieve well, and of poor
#: ones, among which a query's own class lies behind very many others.
SPREADS = {"good embeddings": 1.0, "poor embeddings": 1.6}

Scores = dict[str, float]


@dataclass(frozen=True)
class Size:
    """Numbers of samples, classes and dimensions."""

    samples: int
    classes: int
    dimension: int


SOP = Size(60_502, 11_316, 512)
QUICK = Size(900, 150, 24)


def synthetic_embeddings(size: Size, spread: float, *, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make unit embeddings of classes of 2 to 12 samples, whose centres and samples have a power-law spectrum."""
    rng = np.random.default_rng(seed)
    counts = np.full(size.classes, 2)
    while (missing := size.samples - counts.sum()) > 0:
        chosen = rng.integers(size.classes, size=missing)
        counts += np.bincount(chosen, minlength=size.classes)
        counts = np.minimum(counts, 12)
    labels = rng.permutation(np.repeat(np.arange(size.classes), counts))
    scales = 1 / np.sqrt(np.arange(1, size.dimension + 1))
    embeddings = (rng.standard_normal((size.classes, size.dimension)) * scales)[labels]
    embeddings += spread * rng.standard_normal(embeddings.shape) * scales
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings.astype(np.float32), labels.astype(np.int64)


def prepare(contestant: str, metrics: tuple[str, ...], size: Size, spread: float) -> Callable[[], Scores]:
    """Make the embeddings, and give the task."""
    embeddings, labels = synthetic_embeddings(size, spread)
    task = (_ours if contestant == OURS else _theirs)(metrics, embeddings, labels)
    # Libraries that were loaded just now know nothing of the limit yet.
    threadpool_limits(1)
    return task


def _ours(metrics: tuple[str, ...], embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], Scores]:
    # Loading them is no part of the measurement.
    import faiss  # noqa: F401
    import sklearn.metrics  # noqa: F401

    return lambda: evaluate_embeddings(embeddings, labels, metrics=metrics).values


def _theirs(
    metrics: tuple[str, ...], embeddings: NDArray[np.float32], labels: NDArray[np.int64]
) -> Callable[[], Scores]:
    # Here, so that the process of the other does not hold torch.
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import FaissKMeans

    calculator = AccuracyCalculator(
        include=tuple(SHARED[name] for name in metrics),
        k="max_bin_count",
        device=torch.device("cpu"),
        kmeans_func=FaissKMeans(niter=20, seed=0),
    )
    tensors = torch.from_numpy(embeddings), torch.from_numpy(labels)

    def task() -> Scores:
        found = calculator.get_accuracy(*tensors)
        return {name: found[SHARED[name]] for name in metrics}

    return task


def tables(size: Size) -> list[Table]:
    """Compare at one size."""
    retrieval = [_table(f"retrieval, {name}", ("recall@1", "map@r"), size, spread) for name, spread in SPREADS.items()]
    return [*retrieval, _table("clustering", ("nmi",), size, SPREADS["good embeddings"]), _all_retrieval(size)]


def _table(what: str, metrics: tuple[str, ...], size: Size, spread: float) -> Table:
    measured = {name: timed_alone(prepare, name, metrics, size, spread) for name in (OURS, THEIRS)}
    return Table(
        title=f"{what.capitalize()}: {_described(size)}",
        columns=(
            *("", "time [s]", "time ratio", "peak [MB]", "added [MB]"),
            *(f"`{name}`" for name in metrics),
            "difference",
        ),
        rows=tuple(_row(name, alone, measured) for name, alone in measured.items()),
        note=(
            "Each once, in a process of its own, all libraries held to one thread. Time ratio: that of "
            "pytorch-metric-learning over this one's. Peak memory includes libraries and embeddings; added is what the "
            "work took besides. Difference: the largest of a score to pytorch-metric-learning's."
        ),
    )


def _row(name: str, alone: Alone[Scores], measured: Mapping[str, Alone[Scores]]) -> tuple[Cell, ...]:
    theirs = measured[THEIRS]
    scores = [float(score) for score in alone.value.values()]
    difference = max(abs(score - theirs.value[metric]) for metric, score in alone.value.items())
    return (
        *(name, alone.seconds, theirs.seconds / alone.seconds, alone.memory.peak, alone.memory.added),
        *scores,
        float(difference),
    )


def _all_retrieval(size: Size) -> Table:
    """Measure every retrieval metric of ours, down to rank 1000; pytorch-metric-learning has but two of them."""
    rows: list[tuple[Cell, ...]] = []
    for name, spread in SPREADS.items():
        alone = timed_alone(prepare, OURS, RETRIEVAL_METRICS, size, spread)
        rows.append((name, alone.seconds, alone.memory.peak, alone.memory.added))
    return Table(
        title=f"All {len(RETRIEVAL_METRICS)} retrieval metrics: {_described(size)}",
        columns=("", "time [s]", "peak [MB]", "added [MB]"),
        rows=tuple(rows),
        note="`evaluate_embeddings`, recall@1000 and map@1000 among them; measured as above.",
    )


def _described(size: Size) -> str:
    return f"{size.samples:,} embeddings, {size.dimension} dimensions, {size.classes:,} classes"


@click.command()
@click.option("--quick", is_flag=True, help="A small size, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(quick: bool, json_file: Path | None) -> None:
    """Compare the scoring of embeddings."""
    with working_on("Comparing evaluations"):
        compared = tables(QUICK if quick else SOP)
    report(compared, json_file)


if __name__ == "__main__":
    main()
