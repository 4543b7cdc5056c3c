"""The audit: every search for leaks, in one ranked list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.errors import SplitError
from oodml_bench.features import ClassMeans, Features, class_means, open_features
from oodml_bench.splits.audit.boundaries import Boundaries
from oodml_bench.splits.audit.candidates import Candidate, candidates
from oodml_bench.splits.audit.confirming import UNCONFIRMED_FROM, confirmed, unconfirmed
from oodml_bench.splits.audit.findings import Audit, Item
from oodml_bench.splits.audit.level_sides import level_sides
from oodml_bench.splits.audit.sample_table import SampleTable
from oodml_bench.splits.audit.twin_classes import classes_with_the_same_pictures, twin_classes
from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.files import load_benchmark

#: Cosine of two samples' features, taken from the mean of all, from which their pictures are compared.
COMPARED_FROM = 0.9

#: Most pairs of a kind that are kept.
MOST = 20_000


def audit(
    benchmark: Benchmark | Path | str,
    features: Features | Path | str,
    *,
    dataset: Dataset | str | None = None,
    means: ClassMeans | None = None,
    compare_samples: bool = True,
    progress: bool = False,
) -> Audit:
    """Look for leaks in a benchmark: what should be on one side, and lies on both.

    Samples are compared by their features, exactly, each with every other. Where the dataset is given, those with a
    cosine of at least 0.9 are compared by their pixels and by a perceptual hash (pHash of 256 bits, at most 16 of which
    differ), and files by their content. Pictures that the backbone sees differently, such as a crop or a mirror image,
    may be missed.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    features
        The features of its samples.
    dataset
        The pictures: a dataset, or its specification. Without it nothing is confirmed: samples with a cosine of at
        least 0.99 are told of.
    means
        The class means of the features, where they are known already.
    compare_samples
        Compare each sample with every other, which takes time that grows with the square of their number. Without it
        files and classes are compared.
    progress
        Show progress on standard error.

    Raises
    ------
    BenchmarkFileError, FeatureError, DatasetError
        Where what is given cannot be opened.
    SplitError
        Where the features lack classes of the benchmark.
    """
    opened = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    source = features if isinstance(features, Features) else open_features(features)
    images = open_dataset(dataset) if isinstance(dataset, str) else dataset
    known = class_means(source, progress=progress) if means is None else means
    _check_classes(opened, known)
    boundaries = Boundaries(opened, known.classes)
    twins, notes = twin_classes(known, boundaries, most=MOST, progress=progress)
    table = SampleTable.of(source, known.classes)
    if compare_samples:
        threshold = UNCONFIRMED_FROM if images is None else COMPARED_FROM
        pairs, more = _candidates(table, boundaries, threshold, progress=progress)
    else:
        pairs, more = [], [f"The {source.row_count:,} samples were not compared with each other by their features."]
    notes += more
    found, unseen = unconfirmed(pairs), None
    if images is not None:
        told = confirmed(images, pairs, boundaries, most=MOST, progress=progress)
        found, notes, unseen = told.findings, notes + told.notes, told.unread + _without_picture(table, told.paths)
        twins += classes_with_the_same_pictures(found, known, boundaries)
    if unseen:
        which = "1 sample has" if unseen == 1 else f"{unseen:,} samples have"
        notes.append(f"{which} no picture in the dataset that can be read.")
    return Audit(
        name=opened.name,
        findings=tuple(sorted([*found, *twins], key=lambda finding: finding.rank)),
        levels={number: level_sides(level, known) for number, level in opened.levels.items()},
        notes=tuple(notes),
        unseen=unseen,
    )


def _candidates(
    table: SampleTable, boundaries: Boundaries, at_least: float, *, progress: bool
) -> tuple[list[Candidate], list[str]]:
    if not table.is_named:
        return [], ["The features name no samples: only classes were compared by them."]
    return candidates(table, boundaries, at_least, most=MOST, progress=progress)


def _without_picture(table: SampleTable, paths: Mapping[Item, str]) -> int:
    """Count the samples that the dataset lacks; all of those without a name."""
    return sum(item not in paths for item in table.items()) if table.is_named else len(table.codes)


def _check_classes(benchmark: Benchmark, means: ClassMeans) -> None:
    known = set(means.classes)
    needed = {name for level in benchmark.levels.values() for name in (*level.train, *level.test)}
    if missing := sorted(needed - known):
        raise SplitError(
            f"the features lack {len(missing)} classes of the benchmark {benchmark.name}, among them {missing[0]!r}: "
            "are these the features from which it was built?"
        )
