"""Verifying a benchmark: all checks, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.features import Features, open_features
from oodml_bench.locations import location
from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.verification.check import Check
from oodml_bench.splits.verification.distances import check_distances
from oodml_bench.splits.verification.evidence import Evidence
from oodml_bench.splits.verification.few_shot import check_episodes
from oodml_bench.splits.verification.files_agree import open_files
from oodml_bench.splits.verification.fingerprints import check_fingerprints
from oodml_bench.splits.verification.ladder import check_ladder
from oodml_bench.splits.verification.sides import check_sides
from oodml_bench.splits.verification.validation import check_validation


@dataclass(frozen=True)
class Verification:
    """What the checks of a benchmark found.

    Attributes
    ----------
    path
        The file.
    checks
        In the order in which they were made.
    """

    path: Path
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")


def verify(
    path: Path | str,
    *,
    features: Features | Path | str | None = None,
    images: Dataset | str | None = None,
    progress: bool = False,
) -> Verification:
    """Check the files of a benchmark without trusting them.

    Parameters
    ----------
    path
        Either file of a benchmark, or a published ooDML pickle.
    features
        Features of its classes, or where they lie: FIDs are computed again from them.
    images
        Its dataset, or the specification of it: its fingerprint is taken again, which reads every image.
    progress
        Show progress on standard error.

    Raises
    ------
    BenchmarkFileError
        Where there is no such file. What is wrong inside a file is a check that failed.
    FeatureError, DatasetError
        Where features or images cannot be read.
    """
    path = location(path)
    opened = open_files(path)
    if opened.benchmark is None:
        return Verification(path, tuple(opened.checks))
    evidence = Evidence.of(
        features if features is None or isinstance(features, Features) else open_features(features),
        open_dataset(images) if isinstance(images, str) else images,
        progress=progress,
    )
    return Verification(path, (*opened.checks, *checks_of(opened.benchmark, evidence)))


def checks_of(benchmark: Benchmark, evidence: Evidence) -> list[Check]:
    """Make every check of what a benchmark holds."""
    return [
        *check_sides(benchmark, evidence),
        *check_ladder(benchmark),
        check_validation(benchmark),
        *check_episodes(benchmark, evidence),
        check_distances(benchmark, evidence),
        *check_fingerprints(benchmark, evidence),
    ]
