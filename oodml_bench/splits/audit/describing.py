"""Findings in words, for lists that people read."""

from __future__ import annotations

from collections.abc import Iterable

from oodml_bench.splits.audit.findings import BOUNDARIES, Apart, Boundary, Finding, LevelSides


def places_of(finding: Finding) -> str:
    """Say where two things are apart: `train/test at levels 1, 3–5`."""
    found: list[str] = []
    for boundary in BOUNDARIES:
        if places := [place for place in finding.apart if place.boundary == boundary]:
            found.append(f"{boundary} at {_levels(places)}{_episodes(boundary, places)}")
    return "; ".join(found) or "on opposite sides nowhere"


def similarity_of(finding: Finding) -> str:
    """Say how similar two things are; empty where that is not known."""
    if finding.similarity is None:
        return ""
    if finding.kind == "same pictures":
        return f"{finding.similarity:.0%} of the smaller class"
    hashed = "" if finding.hash_distance is None else f", hashes differ in {finding.hash_distance} of 256 bits"
    return f"cosine {finding.similarity:.3f}{hashed}"


def sides_of(sides: LevelSides) -> tuple[str, str, str]:
    """Give superclasses on both sides, the median samples a class in train and test, and the share of test samples."""
    superclasses = f"{sides.split_superclasses} of {sides.superclasses}" if sides.superclasses else "–"
    return superclasses, "{:g} : {:g}".format(*sides.median_samples), f"{sides.test_share:.0%}"


def _levels(places: Iterable[Apart]) -> str:
    numbers = sorted(place.level for place in places)
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    shown = [f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans]
    return f"level{'s' if len(numbers) > 1 else ''} {', '.join(shown)}"


def _episodes(boundary: Boundary, places: Iterable[Apart]) -> str:
    count = sum(place.episodes for place in places)
    return f" in {count} episode{'s' if count > 1 else ''}" if boundary == "support/query" else ""
