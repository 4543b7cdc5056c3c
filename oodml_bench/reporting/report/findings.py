"""What should make a reader careful, at the top of the page."""

from __future__ import annotations

from collections.abc import Sequence

from oodml_bench.evaluation import Curve
from oodml_bench.splits import Benchmark
from oodml_bench.splits.audit import Audit
from oodml_bench.splits.audit.findings import BOUNDARIES, Boundary
from oodml_bench.splits.audit.twin_classes import NEARLY_THE_SAME

#: Pairs that are named.
_NAMED = 3


def findings(benchmark: Benchmark, curves: Sequence[Curve], audit: Audit | None) -> list[str]:
    """Give a sentence for each thing that was found; `audit` is None where there were no features to make it of."""
    of_audit = [] if audit is None else [*_leaks(audit), *_twins(audit)]
    return [*of_audit, *_within_the_band(benchmark), *_rising(curves)]


def _within_the_band(benchmark: Benchmark) -> list[str]:
    inside = [
        number
        for number, level in benchmark.levels.items()
        if level.calibration is not None and level.calibration.inside_band
    ]
    if not inside:
        return []
    numbers = ", ".join(map(str, inside))
    return [f"The FID of level {numbers} lies within the band of random splits of the same classes."]


def _rising(curves: Sequence[Curve]) -> list[str]:
    found: dict[tuple[int, int], list[str]] = {}
    for curve in curves:
        for pair, by in curve.changes.items():
            if by > 0:
                found.setdefault(pair, []).append(curve.recipe)
    size = next((curve.gallery_classes for curve in curves if curve.gallery_classes), None)
    where = "" if size is None else f" on galleries of {size} classes"
    return [
        f"Recall@1{where} rises from level {easier} to level {harder} for {len(recipes)} of {len(curves)} recipes, "
        "although the FID does."
        for (easier, harder), recipes in sorted(found.items())
        if 2 * len(recipes) > len(curves)
    ]


def _leaks(audit: Audit) -> list[str]:
    """Tell of the boundaries across which samples leak, at the level that has most of them."""
    found = []
    for boundary in BOUNDARIES:
        worst = max(audit.levels, key=lambda level: audit.leaks(level, boundary))
        if count := audit.leaks(worst, boundary):
            first, second = boundary.split("/")
            pairs = "pair of pictures lies" if count == 1 else "pairs of pictures lie"
            found.append(
                f"{count:,} {pairs} in {first} and {second} of level {worst} and {_alike(audit, worst, boundary)}."
            )
    return found


def _alike(audit: Audit, level: int, boundary: Boundary) -> str:
    near = audit.count(level, "near-identical", boundary)
    return "are identical" if not near else f"are the same, {near:,} of them nearly"


def _twins(audit: Audit) -> list[str]:
    """Name classes on opposite sides whose means nearly coincide, at the level that has most of them."""
    worst = max(audit.levels, key=lambda level: audit.count(level, "twin classes"))
    twins = [
        finding
        for finding in audit.findings
        if finding.kind == "twin classes" and any(place.level == worst for place in finding.apart)
    ]
    if not twins:
        return []
    names = "; ".join(f"{finding.first.label} and {finding.second.label}" for finding in twins[:_NAMED])
    return [
        f"{len(twins)} pairs of classes on opposite sides of level {worst} have nearly the same mean (cosine above "
        f"{NEARLY_THE_SAME}, from the mean of all): {names}{' …' if len(twins) > _NAMED else ''}"
    ]
