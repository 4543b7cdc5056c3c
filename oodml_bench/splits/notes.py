"""What a user should know about a finished benchmark, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from oodml_bench.splits.benchmark import Benchmark, Level
from oodml_bench.splits.episodes import MIN_EPISODE_CLASSES, MIN_QUERIES, SupportKind
from oodml_bench.splits.progression import Step
from oodml_bench.splits.scores import Scores
from oodml_bench.splits.split import Split


def target_notes(
    targets: Sequence[float], chosen: Sequence[Step], steps: Sequence[Step], tolerance: float
) -> list[str]:
    """Say how near each target came, and why not nearer; `steps` are the candidates by rising FID."""
    return [
        f"target FID {target:g}: this level has {step.fid:.6g} ({(step.fid - target) / target:+.4%})"
        + _reason(target, step.fid, steps[0].fid, steps[-1].fid, tolerance)
        for target, step in zip(sorted(targets), chosen, strict=True)
    ]


def _reason(target: float, fid: float, easiest: float, hardest: float, tolerance: float) -> str:
    if abs(fid - target) <= tolerance * target:
        return ""
    if target < easiest:
        return f": it lies below the easiest split that was found ({easiest:.6g})"
    if target > hardest:
        return (
            f": it lies above the hardest split that was found ({hardest:.6g}); with fewer --min-classes removal "
            "goes on for longer"
        )
    return f": outside the tolerance of {tolerance:.3%}, no single swap brings it nearer"


def moved_start_note(default: Split, start: Split) -> str:
    """Say that the search could not begin at the default split."""
    return (
        "the default split tears groups apart, is out of balance or holds kept classes on the other side: the search "
        f"began at another one, with {start.swaps_from(default)} of its train classes on the test side"
    )


def exclusion_notes(excluded: Mapping[str, str], most: int = 5) -> list[str]:
    """Count the classes that take no part, by the reason, and name the first few."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in sorted(excluded.items()):
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{len(names)} classes take no part ({reason}): {', '.join(names[:most])}"
        + (f" and {len(names) - most} more; excluded in the JSON file names them" if len(names) > most else "")
        for reason, names in by_reason.items()
    ]


def calibration_notes(ladder: Mapping[int, Level]) -> list[str]:
    """Warn of levels whose FID cannot be told from that of a random split."""
    return [
        f"level {number}: its FID of {level.fid:.4g} lies within the band of random splits of the same classes at the "
        f"same sizes ({calibration.null.low:.4g} to {calibration.null.high:.4g})"
        for number, level in ladder.items()
        if (calibration := level.calibration) and calibration.inside_band
    ]


def episode_notes(ladder: Mapping[int, Level], shots: Sequence[int], support: SupportKind, *, named: bool) -> list[str]:
    """Say what episodes leave out, and where there are none.

    Parameters
    ----------
    ladder
        The levels.
    shots, support
        The episodes that were asked for; see `LadderSettings`.
    named
        Whether the features name samples.
    """
    if support == "classes":
        return _notes_on_support_classes(ladder, shots)
    return _notes_on_left_out(ladder) if named else ["the features name no samples: no episodes"]


def _notes_on_support_classes(ladder: Mapping[int, Level], counts: Sequence[int]) -> list[str]:
    without = {
        count: [number for number, level in ladder.items() if count not in level.test_episodes] for count in counts
    }
    return ["episodes have whole test classes as support, and all other test classes as queries"] + [
        f"no episodes of {count} support classes at level {', '.join(map(str, levels))}, which would leave fewer than "
        f"{MIN_EPISODE_CLASSES} test classes as queries; ask for fewer --shots"
        for count, levels in without.items()
        if levels
    ]


def _notes_on_left_out(ladder: Mapping[int, Level]) -> list[str]:
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


def agreement_notes(benchmark: Benchmark, own: Scores, others: Sequence[Scores]) -> list[str]:
    """Say what could not be compared, and which features need no comparison."""
    notes = [
        f"{scores.label}: these are the features that the benchmark was built from"
        for scores in others
        if scores.built_from
    ]
    if len(benchmark.levels) == 1:
        notes.append("one level has no order: rank correlations are undefined")
    else:
        notes += [
            f"{scores.label}: every level has the same FID: its rank correlations are undefined"
            for scores in (own, *others)
            if not scores.has_order
        ]
    walked = list(dict.fromkeys(step.id for walk in benchmark.walks for step in walk.steps))
    lost = [step for step in walked if step not in own.steps]
    if not walked:
        notes.append("the file holds no walks, as a pickle without its JSON file: the levels alone were compared")
    elif lost:
        notes.append(
            f"{len(lost)} of {len(walked)} walked steps were not compared, among them {lost[0]}: no level leads to "
            "them, since a file does not say on which side removed classes stood"
        )
    return notes
