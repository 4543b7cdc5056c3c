"""The whole search: a progression in each direction, and removal from the hardest split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from oodml_bench.errors import SplitError
from oodml_bench.hardness import ClassSpace
from oodml_bench.progress import progress_of
from oodml_bench.splits.comparison import comparison_note
from oodml_bench.splits.constraints import FREE, Constraints
from oodml_bench.splits.control import random_removal, random_splits
from oodml_bench.splits.grouped_search import RANDOM_STARTS, grouped_removal, grouped_walk
from oodml_bench.splits.multistart import best_swaps
from oodml_bench.splits.progression import Direction, Method, OnStep, Progression
from oodml_bench.splits.removal import checked_seats, greedy_removal, paper_removal
from oodml_bench.splits.seats import Seats
from oodml_bench.splits.split import Split
from oodml_bench.splits.swapping import greedy_swaps, paper_swaps
from oodml_bench.splits.unnested import without_nesting
from oodml_bench.threads import one_thread

#: Rounds and history of the published study, for CUB200.
PAPER_ROUNDS: dict[Direction, int] = {"harder": 25, "easier": 15}
PAPER_HISTORY: dict[Direction, int] = {"harder": 5, "easier": 30}

#: Share of the smaller side that a round of the published rule swaps in a comparison, where there are many classes.
_COMPARED_SHARE = 0.05

#: Share of the smaller side that removal leaves unless told otherwise; the published benchmarks end near it.
KEPT_SHARE = 0.6


def default_min_classes(start: Split) -> int:
    """Give the number of classes a side at which removal stops unless told otherwise."""
    return max(2, math.ceil(KEPT_SHARE * min(len(start.train), len(start.test))))


@dataclass(frozen=True)
class SearchSettings:
    """How splits are searched.

    Attributes
    ----------
    method
        `best`: a nested path to the best end point of many ascents. `greedy`: the best exact step each time. `paper`:
        the published rule. `random`: the control, class sets drawn at random.
    swaps_per_round
        Swaps, and removals a side, in a round of `paper`.
    rounds
        Of `paper`, see `paper_swaps`, and the draws of `random`; those of the published study unless given.
    history
        Of `paper`, see `paper_swaps`; those of the published study for CUB200 unless given, the history no longer than
        the sides allow.
    effort
        Multiplies the starts and children of `best`.
    seed
        Seed of the random starts and children of `best`, and of the draws of `random`.
    nested
        Whether `best` walks a nested path; without, it gives the best split at each number of swaps.

    Raises
    ------
    SplitError
        Where there is no such method, or another than `best` is not to be nested.
    """

    method: Method
    swaps_per_round: int = 2
    rounds: int | None = None
    history: int | None = None
    effort: int = 1
    seed: int = 0
    nested: bool = True

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise SplitError(f"no search method {self.method!r}: choose one of {', '.join(get_args(Method))}")
        if not self.nested and self.method != "best":
            raise SplitError(f"--not-nested is of --method best, not of {self.method}")


def paper_schedule(start: Split, direction: Direction, settings: SearchSettings) -> tuple[int, int]:
    """Give the rounds and the history of `paper` in one direction: as set, or as published and as the sides allow."""
    longest = max(0, min(len(start.train), len(start.test)) - settings.swaps_per_round)
    rounds = PAPER_ROUNDS[direction] if settings.rounds is None else settings.rounds
    history = min(PAPER_HISTORY[direction], longest) if settings.history is None else settings.history
    return rounds, history


def search(
    space: ClassSpace,
    start: Split,
    settings: SearchSettings,
    *,
    min_classes: int,
    constraints: Constraints = FREE,
    progress: bool = False,
) -> tuple[Progression, Progression, Progression]:
    """Walk from the start in both directions, then remove classes from the hardest split found.

    Parameters
    ----------
    space
        Class means of the classes of `start`.
    start
        The dataset's default split.
    settings
        How to search.
    min_classes
        Classes a side at which removal stops.
    constraints
        Which moves are allowed; `start` keeps to them.
    progress
        Show progress on standard error.

    Returns
    -------
    tuple of Progression
        Easier, harder, removal.

    Raises
    ------
    SplitError
        Where a setting does not fit the sizes of the sides, or the method knows no constraints.
    """
    easier, harder = (
        walk(space, start, direction, settings, constraints=constraints, progress=progress)
        for direction in get_args(Direction)
    )
    with one_thread(), progress_of("Removing classes", None, shown=progress) as on_step:
        removed = _removal(space, harder.hardest.split, settings, min_classes, constraints, on_step)
    return easier, harder, removed


def search_groups(
    space: ClassSpace,
    start: Split,
    groups: Mapping[str, str],
    settings: SearchSettings,
    *,
    min_classes: int,
    progress: bool = False,
) -> tuple[Progression, Progression, Progression]:
    """Search as `search` does, by moves of whole groups, from a start that keeps them whole.

    Raises
    ------
    SplitError
        Where the method is neither `best` nor `greedy`, or `min_classes` is out of range.
    """
    if settings.method not in ("best", "greedy") or not settings.nested:
        raise SplitError("whole groups are moved by --method best or greedy, on a nested path")
    checked_seats(space, start, min_classes)
    starts = RANDOM_STARTS * settings.effort if settings.method == "best" else 0
    with one_thread(), progress_of("Searching splits of whole groups", None, shown=progress) as on_step:
        easier, harder = (
            grouped_walk(space, start, groups, direction, starts=starts, seed=settings.seed, on_step=on_step)
            for direction in get_args(Direction)
        )
        removed = grouped_removal(space, harder.hardest.split, groups, min_classes=min_classes, on_step=on_step)
    return easier, harder, removed


def walk(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    settings: SearchSettings,
    *,
    constraints: Constraints = FREE,
    progress: bool = False,
) -> Progression:
    """Walk from the start in one direction, by swaps; parameters and errors as for `search`."""
    if not constraints.is_free and settings.method not in ("best", "greedy"):
        raise SplitError(
            "--keep-train, --keep-test and --balance are of --method best and greedy: the swaps of "
            f"{settings.method} follow another rule"
        )
    if constraints.samples is not None and not settings.nested:
        raise SplitError("--balance is of a nested path: leave out --not-nested")
    with one_thread(), progress_of(f"Searching {direction} splits", None, shown=progress) as on_step:
        return _swaps(space, start, direction, settings, constraints, on_step)


def _swaps(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    settings: SearchSettings,
    constraints: Constraints,
    on_step: OnStep,
) -> Progression:
    if settings.method == "greedy":
        return greedy_swaps(space, start, direction, constraints=constraints, on_step=on_step)
    if settings.method == "best":
        path = best_swaps(
            space,
            start,
            direction,
            effort=settings.effort,
            seed=settings.seed,
            constraints=constraints,
            on_step=on_step,
        )
        if settings.nested:
            return path
        others = _published(space, start, direction) if constraints.is_free else path
        return without_nesting(Seats.of(space, start, constraints), path, others, on_step=on_step)
    if settings.method == "random":
        draws = PAPER_ROUNDS[direction] if settings.rounds is None else settings.rounds
        return random_splits(space, start, direction, draws=draws, seed=settings.seed, on_step=on_step)
    return _published(space, start, direction, settings, on_step)


def published_comparison(space: ClassSpace, start: Split, path: Progression, settings: SearchSettings) -> str | None:
    """Say how a path of `best` or `greedy` compares with the published rule, or give None for other methods."""
    if settings.method not in ("best", "greedy"):
        return None
    with one_thread():
        return comparison_note(path, _published(space, start, "easier" if path.kind == "easier" else "harder"), space)


def _published(
    space: ClassSpace,
    start: Split,
    direction: Direction,
    settings: SearchSettings | None = None,
    on_step: OnStep = lambda _: None,
) -> Progression:
    """Follow the published rule, with the settings for a comparison unless told otherwise."""
    if settings is None:
        settings = SearchSettings("paper")
        if not Seats.of(space, start).has_few_pairs:
            share = math.ceil(_COMPARED_SHARE * min(len(start.train), len(start.test)))
            settings = SearchSettings("paper", swaps_per_round=share, rounds=round(0.5 / _COMPARED_SHARE), history=0)
    rounds, history = paper_schedule(start, direction, settings)
    return paper_swaps(
        space,
        start,
        direction,
        rounds=rounds,
        swaps_per_round=min(settings.swaps_per_round, len(start.train), len(start.test)),
        history=history,
        on_step=on_step,
    )


def _removal(
    space: ClassSpace,
    hardest: Split,
    settings: SearchSettings,
    min_classes: int,
    constraints: Constraints,
    on_step: OnStep,
) -> Progression:
    if settings.method == "random":
        return random_removal(space, hardest, min_classes=min_classes, seed=settings.seed, on_step=on_step)
    if settings.method != "paper":
        return greedy_removal(space, hardest, min_classes=min_classes, constraints=constraints, on_step=on_step)
    return paper_removal(
        space,
        hardest,
        min_classes=min_classes,
        removals_per_round=settings.swaps_per_round,
        on_step=on_step,
    )
