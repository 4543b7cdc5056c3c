"""Scoring embeddings that another program made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation.embeddings_file import matched_to, read_embeddings
from oodml_bench.evaluation.results import ResultRow
from oodml_bench.splits import Benchmark, load_benchmark
from oodml_bench.training.samples import Samples, level_of
from oodml_bench.training.scoring import Subject, zero_shot_rows


def score_foreign(
    benchmark: Benchmark | Path | str,
    embeddings: Path | str,
    *,
    level: int,
    dataset: Dataset | str | None = None,
    name: str | None = None,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
    device: str = "cpu",
) -> list[ResultRow]:
    """Score embeddings of the test classes of a level.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    embeddings
        A Parquet or `.npz` file; see `oodml_bench.evaluation.embeddings_file.read_embeddings`. Every sample of the
        level's test classes must be in it; others are ignored.
    level
        Number of the level.
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
        With `weights` "given".

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
    test = level_of(opened, level).test
    samples = _samples_of(opened, level, dataset)
    if missing := sorted(set(test) - set(samples)):
        raise EmbeddingError(
            f"the samples of {len(missing)} of the {len(test)} test classes of level {level} are not known, among them "
            f"those of {missing[0]!r}: the benchmark {opened.name} does not name them. Name its dataset by --images"
        )
    path = Path(embeddings)
    file = read_embeddings(path)
    try:
        matrix, labels = matched_to({class_name: samples[class_name] for class_name in sorted(test)}, file)
    except EmbeddingError as error:
        raise EmbeddingError(f"embeddings {path}: {error}") from None
    subject = Subject(opened, level, path.stem if name is None else name, seed)
    return zero_shot_rows(subject, matrix, labels, "given", metrics=metrics, device=device)


def _samples_of(benchmark: Benchmark, level: int, dataset: Dataset | str | None) -> Mapping[str, Sequence[str]]:
    if dataset is None:
        return benchmark.samples
    opened = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    Samples.of(opened).check(benchmark, level_of(benchmark, level))
    return opened.samples
