"""The samples of a few-shot episode: what is adapted on, and what is scored before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError, SplitError
from oodml_bench.splits import Benchmark, Level
from oodml_bench.splits.benchmark import level_of
from oodml_bench.training.material import Material
from oodml_bench.training.samples import Indices, Samples, SampleSet


@dataclass(frozen=True, eq=False)
class EpisodeSets:
    """Support and queries of an episode.

    Attributes
    ----------
    support
        What is adapted on.
    queries
        What is scored: all other samples of the classes that take part. Classes with too few samples take no part.
    of_same_classes
        Whether queries and support are of the same classes, with the same labels. Where whole classes are support, as
        in the published protocol for Stanford Online Products, they are not.
    """

    support: SampleSet
    queries: SampleSet
    of_same_classes: bool

    @classmethod
    def of(cls, material: Material, number: int, shots: int, episode: int) -> EpisodeSets:
        """Find the samples of an episode.

        Raises
        ------
        SplitError
            Where the benchmark has no such level, shots or episode.
        DatasetError
            Where the samples are not those of the benchmark, or have no names.
        """
        level = material.level(number)
        found = _episode(material.benchmark, number, shots, episode)
        _check_names(material.samples)
        if isinstance(found, Mapping):
            return cls(*_by_samples(material.samples, found), of_same_classes=True)
        return cls(
            material.samples.set_of(found),
            material.samples.set_of(set(level.test) - set(found)),
            of_same_classes=False,
        )


def episodes_of(benchmark: Benchmark, number: int, shots: int, count: int | None) -> tuple[int, ...]:
    """Give the numbers of a level's first `count` episodes; all unless given.

    Raises
    ------
    SplitError
        Where the benchmark has no such level or shots, or fewer episodes.
    """
    level = level_of(benchmark, number)
    known = sorted(level.test_episodes.get(shots, {}))
    if not known:
        allowed = ", ".join(map(str, sorted(level.test_episodes)))
        raise SplitError(
            f"level {number} of the benchmark {benchmark.name} has no episodes of {shots} shots; it has "
            f"{f'those of {allowed} shots' if allowed else 'none at all'}. Choose one of these, or build the benchmark "
            f"with --shots {shots}."
        )
    if count is not None and not 0 < count <= len(known):
        raise SplitError(
            f"level {number} of the benchmark {benchmark.name} has {len(known)} episodes of {shots} shots, not "
            f"{count}. Choose 1 to {len(known)}, or build the benchmark with --episodes {count}."
        )
    return tuple(known[:count])


def smallest_query_gallery(benchmark: Benchmark, shots: int) -> int | None:
    """Give the smallest number of classes that queries of an episode are of, over all levels; None without episodes."""
    counts = [
        _query_classes(level, episode)
        for level in benchmark.levels.values()
        for episode in level.test_episodes.get(shots, {}).values()
    ]
    return min(counts, default=None)


def _query_classes(level: Level, episode: Mapping[str, Sequence[str]] | Sequence[str]) -> int:
    return len(episode) if isinstance(episode, Mapping) else len(set(level.test) - set(episode))


def _episode(
    benchmark: Benchmark, number: int, shots: int, episode: int
) -> Mapping[str, Sequence[str]] | Sequence[str]:
    known = episodes_of(benchmark, number, shots, None)
    if episode not in known:
        raise SplitError(
            f"level {number} of the benchmark {benchmark.name} has no episode {episode} of {shots} shots; it has "
            f"{known[0]} to {known[-1]}"
        )
    return level_of(benchmark, number).test_episodes[shots][episode]


def _check_names(samples: Samples) -> None:
    if None in samples.names:
        raise DatasetError(
            f"{samples.source} does not name its samples, so that those of an episode cannot be told from others. "
            "Extract features from the dataset again, or give array features with `samples` (N,)."
        )


def _by_samples(samples: Samples, episode: Mapping[str, Sequence[str]]) -> tuple[SampleSet, SampleSet]:
    everything = samples.set_of(episode)
    support = np.zeros(len(everything.rows), dtype=np.bool_)
    for label, class_name in enumerate(everything.classes):
        chosen = set(episode[class_name])
        of_class = np.flatnonzero(everything.labels == label)
        names = [name_in_class(class_name, samples.names[row] or "") for row in everything.rows[of_class]]
        support[of_class] = [name in chosen for name in names]
    return _part(everything, np.flatnonzero(support)), _part(everything, np.flatnonzero(~support))


def _part(whole: SampleSet, positions: Indices) -> SampleSet:
    return SampleSet(whole.classes, whole.rows[positions], whole.labels[positions])
