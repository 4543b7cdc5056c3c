"""What the audit found, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oodml_bench.datasets import Dataset
from oodml_bench.reporting.report.thumbnails import class_thumbnail, thumbnail
from oodml_bench.splits.audit import Audit, Finding, Item
from oodml_bench.splits.audit.describing import places_of, sides_of, similarity_of
from oodml_bench.splits.audit.findings import BOUNDARIES
from oodml_bench.splits.audit.sample_table import paths_of

#: Findings that are shown.
SHOWN = 40

#: With more samples than this, comparing each with every other takes longer than a reader waits for a page.
MOST_SAMPLES = 100_000


@dataclass(frozen=True)
class Leaks:
    """The section on leaks.

    Attributes
    ----------
    levels
        The counts of each level.
    shown
        The gravest findings, one for each kind and pair of classes.
    hidden
        How many findings are not shown.
    notes
        What was not looked for, a sentence each.
    compared
        Whether pictures were compared.
    """

    levels: list[dict[str, Any]]
    shown: list[dict[str, Any]]
    hidden: int
    notes: tuple[str, ...]
    compared: bool


def leaks_of(audit: Audit, dataset: Dataset | None) -> Leaks:
    """Give what an audit found, with small pictures where the dataset is given."""
    grouped = audit.by_classes()[:SHOWN]
    pictures = _Pictures(dataset)
    return Leaks(
        levels=[_counts(audit, level) for level in audit.levels],
        shown=[_shown(finding, more, pictures) for finding, more in grouped],
        hidden=len(audit.findings) - sum(1 + more for _, more in grouped),
        notes=audit.notes,
        compared=audit.unseen is not None,
    )


def _counts(audit: Audit, level: int) -> dict[str, Any]:
    superclasses, samples, share = sides_of(audit.levels[level])
    return {
        "level": level,
        "leaks": [audit.leaks(level, boundary) for boundary in BOUNDARIES],
        "unconfirmed": audit.count(level, "unconfirmed"),
        "twins": audit.count(level, "twin classes"),
        "superclasses": superclasses,
        "samples": samples,
        "share": share,
    }


def _shown(finding: Finding, more: int, pictures: _Pictures) -> dict[str, Any]:
    first = finding.apart[0] if finding.apart else None
    sides = ("", "") if first is None else first.sides
    return {
        "kind": finding.kind,
        "leak": finding.is_leak or finding.kind == "same pictures",
        "similarity": similarity_of(finding),
        "places": places_of(finding),
        "more": more,
        "level": None if first is None else first.level,
        "items": [
            {"class_name": item.class_name, "sample": item.sample, "side": side, "picture": pictures.of(item)}
            for item, side in zip((finding.first, finding.second), sides, strict=True)
        ],
    }


class _Pictures:
    """Small pictures of samples and of classes."""

    def __init__(self, dataset: Dataset | None) -> None:
        self._dataset = dataset
        self._paths: Mapping[Item, str] = {} if dataset is None else paths_of(dataset)

    def of(self, item: Item) -> str | None:
        if self._dataset is None:
            return None
        if not item.sample:
            return class_thumbnail(self._dataset, item.class_name)
        path = self._paths.get(item)
        return None if path is None else thumbnail(self._dataset, path)
