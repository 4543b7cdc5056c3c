"""From features to a graded benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from oodml_bench import __version__
from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import SplitError
from oodml_bench.features import ClassMeans, Features, open_features
from oodml_bench.hardness import ClassSpace
from oodml_bench.hardness.null import default_draws
from oodml_bench.splits.benchmark import Benchmark, Provenance, Setting, Walk, WalkedStep
from oodml_bench.splits.calibration import calibrated_levels
from oodml_bench.splits.constraints import Constraints, constrained_start, constraints_of
from oodml_bench.splits.episodes import SupportKind
from oodml_bench.splits.excluded import excluded_classes
from oodml_bench.splits.groups import grouped_start, groups_of
from oodml_bench.splits.ladder import LadderSettings, ladder
from oodml_bench.splits.levels import candidates, named_levels, spread_levels
from oodml_bench.splits.notes import (
    calibration_notes,
    episode_notes,
    exclusion_notes,
    moved_start_note,
    target_notes,
)
from oodml_bench.splits.progression import Direction, Method, Progression, Step
from oodml_bench.splits.search import (
    SearchSettings,
    default_min_classes,
    paper_schedule,
    published_comparison,
    search,
    search_groups,
)
from oodml_bench.splits.split import Split
from oodml_bench.splits.start import start_of
from oodml_bench.splits.targets import SWAPS_TRIED, target_levels
from oodml_bench.threads import one_thread

DEFAULT_LEVELS = 9


def build(
    features: Features | Path | str,
    *,
    method: Method = "best",
    levels: int | None = None,
    targets: Sequence[float] | None = None,
    tolerance: float = 1e-3,
    at: Sequence[str] | None = None,
    group_by: str | None = None,
    keep_train: Sequence[str] = (),
    keep_test: Sequence[str] = (),
    balance: float | None = None,
    min_samples: int = 1,
    min_classes: int | None = None,
    swaps_per_round: int = 2,
    nested: bool = True,
    effort: int = 1,
    val_fraction: float = 0.25,
    shots: Sequence[int] = (2, 5, 10),
    episodes: int = 10,
    support: SupportKind = "samples",
    null_draws: int | None = None,
    seed: int = 0,
    progress: bool = False,
) -> Benchmark:
    """Build a graded benchmark from features.

    Parameters
    ----------
    features
        Opened features, or the path of a feature store or of an `.npz` array file.
    method
        `best` looks for the best end point from many starts and walks to it; `greedy` makes the best exact step each
        time, several times faster; `paper` follows the published rule; `random` draws class sets at random, as a
        control.
    levels
        Number of levels, spread evenly in FID between the easiest and the hardest split, the default split among
        them; 9, or as many as there are splits, unless `targets` or `at` is given.
    targets
        FIDs: the split nearest to each, brought nearer by a few swaps, becomes a level.
    tolerance
        Relative difference from a target that is near enough.
    at
        Steps by their names (`-6`, `0`, `16`, `R18`; see `Step`) that become levels.
    group_by
        `superclass`, or the path of a CSV file of class and group: groups that stay whole on a side. Sides may then
        differ in size by up to 10 % of the classes.
    keep_train, keep_test
        Classes that stay on a side: they are neither swapped nor removed.
    balance
        Greatest difference between the sides' numbers of samples, as a share of both together.
    min_samples
        Classes with fewer samples take no part.
    min_classes
        Classes a side at which removal stops; 60 % of the smaller side unless given.
    swaps_per_round
        Swaps, and removals a side, in a round of `paper`; the others do not use it.
    nested
        Whether `best` walks a nested path; without, it gives the best split at each number of swaps.
    effort
        Multiplies the random starts and children of `best`; the others do not use it.
    val_fraction
        Share of the train classes held out for validation.
    shots, episodes
        Few-shot episodes: the support samples a class, and the number of episodes for each.
    support
        `samples`; or `classes`, by which `shots` are numbers of test classes that are support as a whole, while the
        others are queries: the published protocol for Stanford Online Products.
    null_draws
        Random splits against which each level is set; 0 leaves that out. 100 unless given, 20 with more than 5,000
        classes.
    seed
        Decides validation splits, episodes, the random splits, and the random starts of `best`.
    progress
        Show progress on standard error.

    Returns
    -------
    Benchmark
        Not written anywhere; see `Benchmark.save`.

    Raises
    ------
    FeatureError
        Where the features cannot be read or are not finite.
    SplitError
        Where there are fewer than four classes or a setting does not fit them.
    """
    if sum(choice is not None for choice in (levels, targets, at)) > 1:
        raise SplitError("choose levels by one of --levels, --targets and --at")
    targets = None if targets is None else tuple(map(float, targets))
    completion = LadderSettings(
        val_fraction=val_fraction, shots=tuple(shots), episodes=episodes, seed=seed, support=support
    )
    source = features if isinstance(features, Features) else open_features(features)
    means, space, start = start_of(source, progress=progress)
    name, fingerprint, specification = source.name, source.dataset_fingerprint, source.specification
    # The features of all samples, where they were read into memory, are not needed any more.
    del source, features
    samples = _names_in_classes(means)
    # Nor are the paths of very many samples.
    means = replace(means, samples={})
    default, start = start, _with_enough_samples(start, means, min_samples)
    excluded = excluded_classes(means.classes, default, start, min_samples)
    kept = {"keep_train": tuple(sorted(keep_train)), "keep_test": tuple(sorted(keep_test))}
    constraints = constraints_of(space, start, means.counts, **kept, balance=balance)
    groups = None if group_by is None else groups_of(sorted(start.classes), group_by, means.superclasses)
    if groups is not None and not constraints.is_free:
        raise SplitError("--group-by does not go with --keep-train, --keep-test and --balance")
    given_start, start = start, constrained_start(start, space, constraints, **kept)
    start = start if groups is None else grouped_start(start, groups)
    min_classes = default_min_classes(start) if min_classes is None else min_classes
    walking = SearchSettings(method, swaps_per_round=swaps_per_round, effort=effort, seed=seed, nested=nested)
    if groups is None:
        progressions = search(
            space, start, walking, min_classes=min_classes, constraints=constraints, progress=progress
        )
    else:
        progressions = search_groups(space, start, groups, walking, min_classes=min_classes, progress=progress)
    steps = candidates(progressions)
    # Single swaps would tear groups apart.
    refined = SWAPS_TRIED if groups is None else 0
    chosen = _chosen_steps(space, progressions, steps, levels, targets, tolerance, refined, constraints, at)
    rungs = ladder(chosen, start, samples, completion)
    null_draws = default_draws(len(start.classes)) if null_draws is None else null_draws
    finished = calibrated_levels(rungs, space, draws=null_draws, seed=seed, groups=groups, progress=progress)
    settings: dict[str, Setting] = {
        "method": method,
        **_paper_settings(start, walking),
        "effort": effort if method == "best" else None,
        **({"nested": False} if not nested else {}),
        "levels": len(finished),
        **({} if group_by is None else {"group_by": group_by}),
        **{name: names for name, names in kept.items() if names},
        **({} if balance is None else {"balance": balance}),
        **({} if min_samples == 1 else {"min_samples": min_samples}),
        "targets": targets,
        **({} if targets is None else {"tolerance": tolerance}),
        "at": None if at is None else tuple(at),
        "min_classes": min_classes,
        "val_fraction": val_fraction,
        "shots": completion.shots,
        "episodes": episodes,
        **({} if support == "samples" else {"support": support}),
        "null_draws": null_draws,
        "seed": seed,
    }
    provenance = Provenance(
        tool_version=__version__,
        dataset_fingerprint=fingerprint,
        features={**specification, "sha256": means.sha256},
        settings=settings,
    )
    notes = [] if targets is None else target_notes(targets, chosen, steps, tolerance)
    if start != given_start:
        notes.append(moved_start_note(given_start, start))
    comparisons = (published_comparison(space, start, walked, walking) for walked in progressions[:2])
    # The published rule knows neither groups nor constraints.
    notes += [note for note in comparisons if note] if groups is None and constraints.is_free else []
    notes += exclusion_notes(excluded) + calibration_notes(finished)
    notes += episode_notes(finished, completion.shots, support, named=any(samples.values()))
    walks = tuple(map(_walk, progressions))
    named = {name: of_class for name, of_class in samples.items() if of_class}
    return Benchmark(name, finished, provenance, walks, tuple(notes), named, excluded)


def _with_enough_samples(start: Split, means: ClassMeans, least: int) -> Split:
    """Leave out the classes with too few samples.

    Raises
    ------
    SplitError
        Where `least` is below 1, or a side is left with fewer than two classes.
    """
    if least < 1:
        raise SplitError(f"the least number of samples a class must be at least 1, got {least}")
    counts = dict(zip(means.classes, means.counts.tolist(), strict=True))
    train, test = (
        tuple(name for name in side if counts.get(name, least) >= least) for side in (start.train, start.test)
    )
    if min(len(train), len(test)) < 2:
        raise SplitError(
            f"with at least {least} samples a class, {len(train)} train and {len(test)} test classes remain, and each "
            "side needs 2: ask for fewer --min-samples"
        )
    return Split(train, test)


def _paper_settings(start: Split, settings: SearchSettings) -> dict[str, Setting]:
    """Give the settings of the published rule: rounds and history first towards easier, then towards harder."""
    if settings.method != "paper":
        return {}
    easier, harder = (paper_schedule(start, direction, settings) for direction in get_args(Direction))
    return {
        "swaps_per_round": settings.swaps_per_round,
        "rounds": (easier[0], harder[0]),
        "history": (easier[1], harder[1]),
    }


def _chosen_steps(
    space: ClassSpace,
    progressions: Sequence[Progression],
    steps: Sequence[Step],
    levels: int | None,
    targets: Sequence[float] | None,
    tolerance: float,
    tries: int,
    constraints: Constraints,
    at: Sequence[str] | None,
) -> list[Step]:
    if at is not None:
        return named_levels(progressions, at)
    if targets is not None:
        with one_thread():
            return target_levels(space, steps, targets, tolerance, tries=tries, constraints=constraints)
    default = progressions[0].steps[0]
    return spread_levels(steps, min(DEFAULT_LEVELS, len(steps)) if levels is None else levels, default)


def _names_in_classes(means: ClassMeans) -> dict[str, tuple[str, ...]]:
    return {name: tuple(name_in_class(name, sample) for sample in means.samples[name]) for name in means.classes}


def _walk(progression: Progression) -> Walk:
    steps: list[WalkedStep] = []
    before = progression.steps[0].split
    for step in progression.steps:
        steps.append(
            WalkedStep(
                id=step.id,
                fid=step.fid,
                mean_term=step.distance.mean_term,
                covariance_term=step.distance.covariance_term,
                to_test=tuple(sorted(set(before.train) & set(step.split.test))),
                to_train=tuple(sorted(set(before.test) & set(step.split.train))),
                removed=tuple(sorted(before.classes - step.split.classes)),
            )
        )
        before = step.split
    return Walk(progression.kind, tuple(steps))
