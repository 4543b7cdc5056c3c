"""What a user should know about a finished benchmark, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oodml_bench.splits.benchmark import Level
from oodml_bench.splits.episodes import MIN_EPISODE_CLASSES, MIN_QUERIES
from oodml_bench.splits.progression import Step
from oodml_bench.splits.split import Split


def target_notes(targets: Sequence[float], chosen: Sequence[Step]) -> list[str]:
    """Say how near each target came."""
    return [
        f"target FID {target:g}: the nearest split has {step.fid:.6g} ({(step.fid - target) / target:+.2%})"
        for target, step in zip(sorted(targets), chosen, strict=True)
    ]


def outsider_notes(classes: Sequence[str], start: Split) -> list[str]:
    """Name the classes that the dataset's own halves leave out."""
    outsiders = sorted(set(classes) - start.classes)
    if not outsiders:
        return []
    return [f"{len(outsiders)} classes are in neither default half and take no part: {', '.join(outsiders)}"]


def calibration_notes(ladder: Mapping[int, Level]) -> list[str]:
    """Warn of levels whose FID cannot be told from that of a random split."""
    return [
        f"level {number}: its FID of {level.fid:.4g} lies within the band of random splits of the same classes at the "
        f"same sizes ({calibration.null.low:.4g} to {calibration.null.high:.4g})"
        for number, level in ladder.items()
        if (calibration := level.calibration) and calibration.inside_band
    ]


def episode_notes(ladder: Mapping[int, Level]) -> list[str]:
    """Say which shot counts leave out classes, and where that leaves too few for an episode."""
    notes = []
    for shots in sorted({shots for level in ladder.values() for shots in level.left_out}):
        most = max(len(level.left_out.get(shots, {})) for level in ladder.values())
        notes.append(
            f"{shots}-shot episodes leave out up to {most} test classes a level, which have fewer than "
            f"{shots + MIN_QUERIES} samples ({shots} for support, {MIN_QUERIES} as queries); left_out in the JSON file "
            "names them"
        )
        without = [
            number for number, level in ladder.items() if level.left_out.get(shots) and shots not in level.test_episodes
        ]
        if without:
            notes.append(
                f"no {shots}-shot episodes at level {', '.join(map(str, without))}: fewer than {MIN_EPISODE_CLASSES} "
                "classes have enough samples; ask for fewer --shots"
            )
    return notes
