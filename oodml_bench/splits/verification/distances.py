"""Whether the distances of the levels are those of the features."""

from __future__ import annotations

from collections.abc import Iterator

from oodml_bench.errors import OodmlError
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.verification.check import Check, checked, unchecked
from oodml_bench.splits.verification.evidence import Evidence
from oodml_bench.threads import one_thread

RECOMPUTED = "FIDs are those of the features"

#: Relative difference of two computations of one FID, by other libraries or on another processor.
SAME = 1e-9


def check_distances(benchmark: Benchmark, evidence: Evidence) -> Check:
    """Compute the distance of every level again.

    A FID may differ by 1e-9 of itself, and by the rounding of the sums that it is a difference of.
    """
    if evidence.space is None:
        return unchecked(RECOMPUTED, "give --features")
    with one_thread():
        problems = [
            problem
            for number, level in benchmark.levels.items()
            for problem in _other_distance(number, level, evidence.space)
        ]
    return checked(RECOMPUTED, problems, f"{len(benchmark.levels)} levels")


def _other_distance(number: int, level: Level, space: ClassSpace) -> Iterator[str]:
    try:
        distance = space.distance(space.indices(level.train), space.indices(level.test))
    except OodmlError as error:
        yield f"level {number}: {error}"
        return
    for name, told, computed in (
        ("FID", level.fid, distance.fid),
        ("mean term", level.mean_term, distance.mean_term),
        ("covariance term", level.covariance_term, distance.covariance_term),
    ):
        if told is not None and not abs(told - computed) <= SAME * distance.fid + space.rounding:
            yield f"level {number}: {name} {told:.10g}, but the features give {computed:.10g}"
