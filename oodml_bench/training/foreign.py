"""Scoring embeddings that another program made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation.embeddings_file import matched_to, read_embeddings
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.locations import location
from oodml_bench.splits import Benchmark, load_benchmark
from oodml_bench.splits.benchmark import level_of
from oodml_bench.training.samples import Samples
from oodml_bench.training.scoring import Subject, zero_shot_rows


def score_foreign(
    benchmark: Benchmark | Path | str,
    embeddings: Path | str,
    *,
    levels: Sequence[int] | None = None,
    dataset: Dataset | str | None = None,
    name: str | None = None,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> list[ResultRow]:
    """Score embeddings of the test classes of some levels.

    A model that was trained on a level may be scored on that level alone: it has seen test classes of the others.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    embeddings
        A Parquet or `.npz` file; see `oodml_bench.evaluation.embeddings_file.read_embeddings`. Every sample of the
        levels' test classes must be in it; others are ignored.
    levels
        Numbers of the levels; all unless given.
    dataset
        The dataset, where the benchmark does not name its samples.
    name, seed
        What results say; the file's name without its suffix, and 0, unless given.
    metrics
        Names of metrics; all unless given.
    device
        Where neighbours are searched.

    Returns
    -------
    list of ResultRow
        Level by level, with `weights` "given".

    Raises
    ------
    BenchmarkFileError, EmbeddingError
        Where a file is missing or malformed, samples have no embedding, or an embedding is not finite or has length 0.
    SplitError
        Where the benchmark has no such level.
    DatasetError
        Where the dataset is not that of the benchmark.
    InputError
        Where a metric is unknown.
    """
    opened = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    numbers = sorted(opened.levels) if levels is None else list(dict.fromkeys(levels))
    samples = _samples_of(opened, numbers, dataset)
    for number in numbers:
        _check_known(samples, opened, number)
    path = location(embeddings)
    file = read_embeddings(path)
    rows: list[ResultRow] = []
    for number in numbers:
        test = sorted(level_of(opened, number).test)
        try:
            matrix, labels = matched_to({class_name: samples[class_name] for class_name in test}, file)
        except EmbeddingError as error:
            raise EmbeddingError(f"embeddings {path}, level {number}: {error}") from None
        subject = Subject(opened, number, path.stem if name is None else name, seed)
        rows += zero_shot_rows(subject, matrix, labels, "given", metrics=metrics, device=device)
    return rows


def _samples_of(
    benchmark: Benchmark, numbers: Sequence[int], dataset: Dataset | str | None
) -> Mapping[str, Sequence[str]]:
    levels = [level_of(benchmark, number) for number in numbers]
    if dataset is None:
        return benchmark.samples
    opened = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    samples = Samples.of(opened)
    for level in levels:
        samples.check(benchmark, level)
    return opened.samples


def _check_known(samples: Mapping[str, Sequence[str]], benchmark: Benchmark, number: int) -> None:
    test = benchmark.levels[number].test
    if missing := sorted(set(test) - set(samples)):
        raise EmbeddingError(
            f"the samples of {len(missing)} of the {len(test)} test classes of level {number} are not known, among "
            f"them those of {missing[0]!r}: the benchmark {benchmark.name} does not name them. Name its dataset by "
            "--images"
        )
