"""Whether features and images are those that a benchmark was made of."""

from __future__ import annotations

from collections.abc import Iterator

from oodml_bench.splits.benchmark import Benchmark
from oodml_bench.splits.verification.check import Check, checked, unchecked
from oodml_bench.splits.verification.evidence import Evidence, Samples

FEATURES = "the features are those it was made of"
IMAGES = "the images are those it was made of"
SAMPLES = "its samples are those of the dataset"

_NO_PROVENANCE = "a pickle alone does not say what it was made of"


def check_fingerprints(benchmark: Benchmark, evidence: Evidence) -> list[Check]:
    """Take the fingerprints of what is given, and compare them with those in the file."""
    return [_features(benchmark, evidence), _images(benchmark, evidence), _samples(benchmark, evidence)]


def _features(benchmark: Benchmark, evidence: Evidence) -> Check:
    if evidence.features is None:
        return unchecked(FEATURES, "give --features")
    if benchmark.provenance is None:
        return unchecked(FEATURES, _NO_PROVENANCE)
    features, means = evidence.features
    given = {**features.specification, "sha256": means.sha256}
    told = benchmark.provenance.features
    problems = [
        f"{name} {told.get(name)!r} in the file, {given.get(name)!r} given"
        for name in sorted(given.keys() | told.keys())
        if given.get(name) != told.get(name)
    ]
    if features.dataset_fingerprint != benchmark.provenance.dataset_fingerprint:
        problems.append("they were extracted from another dataset than the benchmark was made of")
    return checked(FEATURES, problems, f"SHA-256 {means.sha256[:16]}…")


def _images(benchmark: Benchmark, evidence: Evidence) -> Check:
    if evidence.dataset is None:
        return unchecked(IMAGES, "give --images")
    if benchmark.provenance is None:
        return unchecked(IMAGES, _NO_PROVENANCE)
    told = benchmark.provenance.dataset_fingerprint
    if told is None:
        return unchecked(IMAGES, "it was made of array features, which tell of no images")
    given = evidence.dataset.fingerprint
    problems = (
        [] if given == told else [f"fingerprint {told} in the file, {given} given: names, classes or contents differ"]
    )
    return checked(IMAGES, problems, f"fingerprint {given[:16]}…, {evidence.dataset.sample_count} images")


def _samples(benchmark: Benchmark, evidence: Evidence) -> Check:
    if not benchmark.samples:
        return unchecked(SAMPLES, "the file names none")
    if not evidence.samples:
        return unchecked(SAMPLES, "give --features or --images")
    listed = {name: frozenset(of_class) for name, of_class in benchmark.samples.items()}
    problems = [
        problem for source, samples in evidence.samples.items() for problem in _differences(listed, samples, source)
    ]
    return checked(SAMPLES, problems, f"{sum(map(len, listed.values()))} samples")


def _differences(listed: Samples, samples: Samples, source: str) -> Iterator[str]:
    other = [name for name in samples.keys() | listed.keys() if samples.get(name) != listed.get(name)]
    if other:
        yield f"{source} have other samples in {len(other)} classes, among them {sorted(other)[0]!r}"
