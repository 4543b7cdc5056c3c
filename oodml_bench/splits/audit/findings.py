"""What an audit finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

#: What two samples or classes have in common, the gravest first.
#:
#: `same pictures`: two classes, most pictures of the smaller of which are pictures of the other as well.
#: `identical files`: two names with the same content.
#: `identical pixels`: two files that decode to the same picture.
#: `near-identical`: two pictures with nearly the same perceptual hash.
#: `twin classes`: two classes whose mean features nearly coincide.
#: `unconfirmed`: two samples with nearly the same features, whose pictures were not compared.
Kind = Literal["same pictures", "identical files", "identical pixels", "near-identical", "twin classes", "unconfirmed"]

KINDS: tuple[Kind, ...] = (
    "same pictures",
    "identical files",
    "identical pixels",
    "near-identical",
    "twin classes",
    "unconfirmed",
)

#: Kinds of pairs of samples that pictures confirm.
CONFIRMED: tuple[Kind, ...] = ("identical files", "identical pixels", "near-identical")

Boundary = Literal["train/test", "train/validation", "support/query"]

BOUNDARIES: tuple[Boundary, ...] = ("train/test", "train/validation", "support/query")


@dataclass(frozen=True, order=True)
class Item:
    """A sample, by its file name inside its class; or a class, where `sample` is empty."""

    class_name: str
    sample: str = ""

    @property
    def label(self) -> str:
        """What it is called in a list."""
        return f"{self.class_name}/{self.sample}" if self.sample else self.class_name


@dataclass(frozen=True)
class Apart:
    """Where two things lie on opposite sides.

    Attributes
    ----------
    level
        Number of the level.
    boundary
        What lies between them.
    sides
        The sides of the first and of the second: `train`, `test`, `validation`, `support`, `query`. Across support
        and query those of the first such episode.
    episodes
        Across support and query, the number of episodes in which they are apart; else 0.
    """

    level: int
    boundary: Boundary
    sides: tuple[str, str]
    episodes: int = 0


@dataclass(frozen=True)
class Finding:
    """Two samples, or two classes, that are alike.

    Attributes
    ----------
    kind
        What they have in common.
    first, second
        Which they are.
    apart
        Where they are on opposite sides, by rising level; empty for identical files that nowhere are.
    similarity
        Cosine of their features, or of their classes' means, each taken from the mean of all; of `same pictures` the
        share of the smaller class's pictures that both have. None where features do not tell.
    hash_distance
        Bits, of 256, in which the perceptual hashes of both pictures differ; None where they were not compared.
    """

    kind: Kind
    first: Item
    second: Item
    apart: tuple[Apart, ...]
    similarity: float | None = None
    hash_distance: int | None = None

    @property
    def is_leak(self) -> bool:
        """Whether these are samples on opposite sides whose pictures were found to be the same."""
        return self.kind in CONFIRMED and bool(self.apart)

    @property
    def rank(self) -> tuple[Any, ...]:
        """What findings are ordered by.

        What is apart comes first; then classes with the same pictures, confirmed pairs by boundary and kind, twin
        classes, and what is not confirmed; then the more similar.
        """
        boundary = min((BOUNDARIES.index(place.boundary) for place in self.apart), default=len(BOUNDARIES))
        kind = KINDS.index(self.kind)
        sort = KINDS.index(CONFIRMED[0]) if self.kind in CONFIRMED else kind
        similarity = 0.0 if self.similarity is None else self.similarity
        return (not self.apart, sort, boundary, kind, -similarity, self.first, self.second)


@dataclass(frozen=True)
class LevelSides:
    """What is no leak, but should be known of the sides of a level.

    Attributes
    ----------
    superclasses, split_superclasses
        How many superclasses its classes have, and how many of these have classes on both sides.
    median_samples, mean_samples
        Samples a class in train and in test.
    test_share
        Share of the samples of both sides that are test samples.
    """

    superclasses: int
    split_superclasses: int
    median_samples: tuple[float, float]
    mean_samples: tuple[float, float]
    test_share: float


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    name
        Name of the benchmark.
    findings
        All that was found, the gravest first.
    levels
        Level number → what is known of its sides.
    notes
        What was not looked for, or not found for a reason, a sentence each.
    unseen
        Samples of the benchmark's classes whose pictures the dataset lacks or that could not be read; None where no
        pictures were given.
    """

    name: str
    findings: tuple[Finding, ...]
    levels: Mapping[int, LevelSides]
    notes: tuple[str, ...] = ()
    unseen: int | None = None
    _counts: dict[tuple[int, Boundary, Kind], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counts = Counter(
            (place.level, place.boundary, finding.kind) for finding in self.findings for place in finding.apart
        )
        object.__setattr__(self, "_counts", dict(counts))

    def count(self, level: int, kind: Kind, boundary: Boundary | None = None) -> int:
        """Count the findings of a kind at a level; across one boundary, or across any."""
        across = BOUNDARIES if boundary is None else (boundary,)
        return sum(self._counts.get((level, each, kind), 0) for each in across)

    def leaks(self, level: int, boundary: Boundary | None = None) -> int:
        """Count the pairs of samples at a level that are on opposite sides and were found to be the same."""
        return sum(self.count(level, kind, boundary) for kind in CONFIRMED)

    def by_classes(self) -> list[tuple[Finding, int]]:
        """Give the first finding of each kind and pair of classes, in order, and how many more there are like it."""
        likes: dict[tuple[Kind, str, str, bool], list[Finding]] = {}
        for finding in self.findings:
            like = (finding.kind, finding.first.class_name, finding.second.class_name, bool(finding.apart))
            likes.setdefault(like, []).append(finding)
        return [(alike[0], len(alike) - 1) for alike in likes.values()]

    def as_dict(self) -> dict[str, Any]:
        """Give all of it in built-in types."""
        return {
            "benchmark": self.name,
            "levels": {
                str(level): {
                    "leaks": self.leaks(level),
                    "counts": {
                        boundary: {kind: self.count(level, kind, boundary) for kind in KINDS} for boundary in BOUNDARIES
                    },
                    **asdict(sides),
                }
                for level, sides in self.levels.items()
            },
            "findings": [asdict(finding) | {"is_leak": finding.is_leak} for finding in self.findings],
            "notes": list(self.notes),
            "unseen": self.unseen,
        }
