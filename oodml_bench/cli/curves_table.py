"""Printing scores over the levels of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from oodml_bench.cli.echo import echo
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.evaluation.curves import Curve
    from oodml_bench.evaluation.results import ResultRow
    from oodml_bench.evaluation.statistics import Estimate


def show_scores(
    rows: Sequence[ResultRow], metric: str, levels: Sequence[int], untrained: Sequence[ResultRow] = ()
) -> None:
    """Print a metric over the levels, raw and on galleries of one size, and whether it falls as the FID rises.

    What was not trained is shown first, and is not judged. `levels` are the numbers of those that were asked for:
    a verdict names the ones that it says nothing of.
    """
    from oodml_bench.evaluation.curves import agreement_of_curves, curves_of

    raw, controlled = (curves_of(rows, metric, None, fixed_gallery=fixed) for fixed in (False, True))
    marks = (curves_of(untrained, metric, "given", fixed) if untrained else [] for fixed in (False, True))
    kinds = sorted({curve.weights for curve in raw}, reverse=True)
    title = f"{metric} by level, all test classes ({' or '.join(kinds)} weights, mean over seeds)"
    _show_curves(title, next(marks), raw)
    size = controlled[0].gallery_classes
    echo()
    title = f"{metric} by level, on galleries of {size} classes: the same number at every level"
    _show_curves(title, next(marks), controlled)
    echo()
    if len(levels) > 1:
        _show_verdict(metric, raw, controlled, levels)
    agreement = agreement_of_curves(controlled)
    if agreement is not None:
        echo(
            f"recipes keep their order from level to level: Kendall's W {agreement.kendalls_w:.2f}, "
            f"mean tau {agreement.mean_tau:+.2f}"
        )


def _show_curves(title: str, marks: Sequence[Curve], trained: Sequence[Curve]) -> None:
    echo(title)
    curves = [*marks, *trained]
    levels = sorted({pair for curve in curves for pair in zip(curve.fids, curve.levels, strict=True)})
    of_levels = [(str(level), f"{fid:.0f}" if fid >= 100 else f"{fid:.1f}") for fid, level in levels]
    rows = []
    differ = len({curve.weights for curve in trained}) > 1
    for curve in curves:
        name = f"{curve.recipe} ({curve.weights})" if differ and curve in trained else curve.recipe
        at = {level: each.mean for level, each in zip(curve.levels, curve.at_levels, strict=True) if each is not None}
        scores = (f"{at[level]:.3f}" if level in at else "–" for _, level in levels)
        correlation = "–" if curve.spearman is None else f"{curve.spearman:+.2f}"
        rows.append((name, *scores, _interval(curve.ags), correlation, _seeds(curve)))
    show_table((("level", "FID"), *of_levels, "AGS (95 %)", "Spearman", "seeds"), rows, left=("level",))


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:.4f}"
    return f"{estimate.mean:.4f} ± {(estimate.high - estimate.low) / 2:.4f}"


def _seeds(curve: Curve) -> str:
    """Give the number of seeds, and where the AGS is over fewer of them, which have all levels, that of those first."""
    every = len(curve.seeds)
    whole = every if curve.ags is None else curve.ags.count
    return str(every) if whole == every else f"{whole} of {every}"


def _show_verdict(metric: str, raw: Sequence[Curve], controlled: Sequence[Curve], levels: Sequence[int]) -> None:
    for name, curves in (("on all test classes", raw), ("on galleries of one size", controlled)):
        lacking = {curve.recipe: missing for curve in curves if (missing := _missing(curve, levels))}
        falling = sum(curve.falls for curve in curves)
        if falling == len(curves) and not lacking:
            echo(f"{name}, {metric} falls with every level that has a higher FID: it is a ladder")
            continue
        rising = _steps(curves, lambda by: by > 0)
        echo(
            f"{name}, {metric} falls all the way for {falling} of {len(curves)} recipes"
            f"{', over the levels that have a score' if lacking else ''}{'; it RISES' if rising else ''}"
        )
        for line in rising:
            echo(f"  {line}")
        for line in _steps(curves, lambda by: by == 0):
            echo(f"  it stays the same {line}")
        for recipe, missing in lacking.items():
            echo(f"  {recipe} has no score on level {', '.join(map(str, missing))}")


def _missing(curve: Curve, levels: Sequence[int]) -> list[int]:
    return sorted({*curve.missing, *(set(levels) - set(curve.levels))})


def _steps(curves: Sequence[Curve], shown: Callable[[float], bool]) -> list[str]:
    """Give a line for each recipe whose score changes by what is shown between levels."""
    lines = []
    for curve in curves:
        steps = [
            f"level {easier} to {harder}" + (f" (+{by:.3f})" if by > 0 else "")
            for (easier, harder), by in curve.changes.items()
            if shown(by)
        ]
        if steps:
            lines.append(f"for {curve.recipe} from {', '.join(steps)}")
    return lines
