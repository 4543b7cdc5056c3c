"""Whether the few-shot episodes are complete, of samples that exist, and leave queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oodml_bench.splits.benchmark import Benchmark, Episode, Level
from oodml_bench.splits.episodes import MIN_EPISODE_CLASSES, MIN_QUERIES
from oodml_bench.splits.verification.check import Check, checked, counted, repeated, unchecked
from oodml_bench.splits.verification.evidence import Evidence, Samples

COMPLETE = "episodes are complete, of distinct samples"
EXISTING = "support samples exist, and leave queries"


def check_episodes(benchmark: Benchmark, evidence: Evidence) -> list[Check]:
    """Check every episode of every level."""
    count = sum(len(drawn) for level in benchmark.levels.values() for drawn in level.test_episodes.values())
    if not count:
        return [unchecked(name, "the file holds no episodes") for name in (COMPLETE, EXISTING)]
    problems = [
        problem
        for number, level in benchmark.levels.items()
        for problem in (*_wrong_counts(number, level, benchmark), *_incomplete(number, level))
    ]
    return [checked(COMPLETE, problems, f"{count} episodes"), _existing(benchmark, evidence, count)]


def _wrong_counts(number: int, level: Level, benchmark: Benchmark) -> Iterator[str]:
    """Check the numbers of episodes against each other, and against what was asked for where the file tells."""
    settings = {} if benchmark.provenance is None else benchmark.provenance.settings
    asked = settings.get("episodes")
    for shots, episodes in level.test_episodes.items():
        wanted = asked if isinstance(asked, int) else len(episodes)
        if list(episodes) != list(range(wanted)):
            yield f"level {number}, {shots} shots: episodes {list(episodes)}, not 0 to {wanted - 1}"


def _incomplete(number: int, level: Level) -> Iterator[str]:
    for shots, episodes in level.test_episodes.items():
        expected = {*level.test} - level.left_out.get(shots, {}).keys()
        for place, episode in episodes.items():
            problems = (
                _incomplete_samples(episode, expected, shots)
                if isinstance(episode, Mapping)
                else _incomplete_classes(episode, level, shots)
            )
            for problem in problems:
                yield f"level {number}, {shots} shots, episode {place}: {problem}"


def _incomplete_samples(episode: Mapping[str, tuple[str, ...]], expected: set[str], shots: int) -> Iterator[str]:
    if missing := expected - episode.keys():
        yield f"without {counted(missing)}"
    if strange := episode.keys() - expected:
        yield f"no test classes, or left out: {counted(strange)}"
    if wrong := [name for name, support in episode.items() if len(support) != shots]:
        yield f"not {shots} support samples in {counted(wrong)}"
    if twice := [name for name, support in episode.items() if repeated(support)]:
        yield f"a support sample is named twice in {counted(twice)}"


def _incomplete_classes(episode: tuple[str, ...], level: Level, shots: int) -> Iterator[str]:
    if len(episode) != shots:
        yield f"{len(episode)} support classes"
    if twice := repeated(episode):
        yield f"named twice: {counted(twice)}"
    if strange := {*episode} - {*level.test}:
        yield f"no test classes: {counted(strange)}"
    if len({*level.test} - {*episode}) < MIN_EPISODE_CLASSES:
        yield f"fewer than {MIN_EPISODE_CLASSES} test classes are left as queries"


def _existing(benchmark: Benchmark, evidence: Evidence, count: int) -> Check:
    sources: dict[str, Samples] = dict(evidence.samples)
    if benchmark.samples:
        sources["the file"] = {name: frozenset(of_class) for name, of_class in benchmark.samples.items()}
    named = {source: samples for source, samples in sources.items() if any(samples.values())}
    if not named:
        return unchecked(EXISTING, "nothing names the samples: give --features or --images")
    problems = [
        problem
        for source, samples in named.items()
        for number, level in benchmark.levels.items()
        for problem in (*_missing(number, level, samples, source), *_wrongly_left_out(number, level, samples, source))
    ]
    return checked(EXISTING, problems, f"{count} episodes, by {' and '.join(named)}")


def _missing(number: int, level: Level, samples: Samples, source: str) -> Iterator[str]:
    for shots, episodes in level.test_episodes.items():
        for place, episode in episodes.items():
            for problem in _missing_in(episode, samples):
                yield f"level {number}, {shots} shots, episode {place}: by {source} {problem}"


def _missing_in(episode: Episode, samples: Samples) -> Iterator[str]:
    if not isinstance(episode, Mapping):
        return
    unknown = [
        f"{name}/{sample}"
        for name, support in episode.items()
        for sample in support
        if sample not in samples.get(name, frozenset())
    ]
    if unknown:
        yield f"there are no {counted(unknown, 'samples')}"
    if used_up := [name for name, support in episode.items() if not samples.get(name, frozenset()) - {*support}]:
        yield f"no query is left in {counted(used_up)}"


def _wrongly_left_out(number: int, level: Level, samples: Samples, source: str) -> Iterator[str]:
    for shots, left_out in level.left_out.items():
        wrong = [
            name for name, told in left_out.items() if told != len(samples.get(name, ())) or told >= shots + MIN_QUERIES
        ]
        if wrong:
            yield f"level {number}, {shots} shots: by {source} not too small, but left out: {counted(wrong)}"
