"""What a benchmark is, and its levels, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oodml_bench.reporting.report.classes import ClassTable
from oodml_bench.splits import Benchmark, Level

#: What is said of where a benchmark came from, in this order: the name in the file, and the name on the page.
_PROVENANCE = (
    ("backbone", "Backbone"),
    ("weights_id", "Weights"),
    ("weights_sha256", "SHA-256 of the weights"),
    ("transform", "Transform"),
    ("dimension", "Feature dimension"),
    ("precision", "Precision"),
    ("sha256", "SHA-256 of the features"),
)


def facts(benchmark: Benchmark) -> list[tuple[str, str]]:
    """Give what the benchmark is, as names and values."""
    levels = list(benchmark.levels.values())
    classes = {name for level in levels for name in (*level.train, *level.test, *level.removed)}
    found = [
        ("Dataset", benchmark.name),
        ("Levels", f"{len(levels)}, FID {levels[0].fid:.4g} to {levels[-1].fid:.4g}"),
        ("Classes", f"{len(classes):,}"),
    ]
    provenance = benchmark.provenance
    if provenance is None:
        return [*found, ("Origin", "not known: no JSON file lies beside the pickle")]
    settings = {name: value for name, value in provenance.settings.items() if value is not None}
    return [
        *found,
        ("Fingerprint of the dataset", provenance.dataset_fingerprint or "not known: features came as arrays"),
        *((shown, str(provenance.features[name])) for name, shown in _PROVENANCE if provenance.features.get(name)),
        ("Method", str(settings.get("method", "not known"))),
        ("Seed", str(settings.get("seed", "not known"))),
        ("Settings", ", ".join(f"{name} {_text(value)}" for name, value in settings.items())),
        ("Made by", f"oodml-bench {provenance.tool_version}"),
    ]


def level_rows(benchmark: Benchmark, table: ClassTable) -> list[dict[str, Any]]:
    """Give the numbers of every level; None where one is not known."""
    return [_level_row(number, level, table) for number, level in benchmark.levels.items()]


def _level_row(number: int, level: Level, table: ClassTable) -> dict[str, Any]:
    calibration = level.calibration
    null = None if calibration is None else calibration.null
    return {
        "level": number,
        "step": level.step,
        "fid": level.fid,
        "mean_term": level.mean_term,
        "covariance_term": level.covariance_term,
        "interval": level.interval,
        "null_low": None if null is None else null.low,
        "null_high": None if null is None else null.high,
        "percentile": None if calibration is None else calibration.percentile,
        "z": None if calibration is None else calibration.z,
        "kid": None if level.size_free is None else level.size_free.kid,
        "train": len(level.train),
        "validation": len(level.split_val),
        "test": len(level.test),
        "removed": len(level.removed),
        "train_samples": table.sample_count(level.train),
        "test_samples": table.sample_count(level.test),
        "nearest": table.median_nearest_distance(level),
        "episodes": _episodes(level),
    }


def _episodes(level: Level) -> str:
    drawn: Mapping[int, Any] = level.test_episodes
    return ", ".join(f"{len(episodes)} × {shots}" for shots, episodes in drawn.items())


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
