"""Figures of a benchmark: its progression, its levels seen by UMAP, its order under other features, and its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oodml_bench.errors import InputError, SplitError
from oodml_bench.evaluation import Curve, ResultRow, curves_of, read_results
from oodml_bench.evaluation.few_shot import few_shot_curves, gains_of
from oodml_bench.evaluation.results import Weights
from oodml_bench.features import Features, open_features
from oodml_bench.locations import location
from oodml_bench.reporting.agreement import draw_agreement
from oodml_bench.reporting.ags_bars import draw_ags
from oodml_bench.reporting.curves import draw_curves
from oodml_bench.reporting.embedding import Embedding, Points, umap_embedding
from oodml_bench.reporting.few_shot import draw_few_shot
from oodml_bench.reporting.fid_progression import draw_levels_alone, draw_progression
from oodml_bench.reporting.saving import WIDTHS, Size, check_picture, saved_figure
from oodml_bench.reporting.umap_grid import MappedLevels, draw_grid
from oodml_bench.reporting.umap_panels import draw_panels
from oodml_bench.splits import Agreement, Benchmark, Level, load_benchmark

__all__ = ["check_picture", "plot_agreement", "plot_ags", "plot_curves", "plot_few_shot", "plot_fid", "plot_umap"]


def plot_fid(
    benchmark: Benchmark | Path | str, out: Path | str, *, size: Size | None = None, overwrite: bool = False
) -> Path:
    """Draw the FID progression in both directions around the default split, the removal and the chosen levels.

    Removal is a line, with bars for the levels that are made by it. A published pickle holds no progression: of it the
    levels alone are drawn.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    out
        The picture: `.png`, `.pdf` or `.svg`. Fonts are embedded.
    size
        For a paper: as wide as its `column` (3.3 in) or its `page` (6.9 in); as its content needs unless given.
    overwrite
        Replace a file that exists.

    Raises
    ------
    InputError
        Where the suffix or the size is another, or the file exists and `overwrite` is off.
    """
    benchmark = _opened(benchmark)
    path = location(out)
    with saved_figure(path, overwrite=overwrite, size=size) as figure:
        if benchmark.walks:
            draw_progression(figure, benchmark, _width(size))
        else:
            draw_levels_alone(figure, benchmark, _width(size))
    return path


def plot_umap(
    benchmark: Benchmark | Path | str,
    features: Features | Path | str,
    out: Path | str,
    *,
    also: Sequence[tuple[Benchmark | Path | str, Features | Path | str]] = (),
    levels: Sequence[int] | None = None,
    points: Points = "classes",
    size: Size | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Draw levels over one common UMAP embedding, train and test classes coloured, a panel a level.

    Of several benchmarks it is a grid: a row a benchmark, each with an embedding of its own, and a column a level.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    features
        Features of its classes, or their path.
    out
        The picture: `.png`, `.pdf` or `.svg`.
    also
        More benchmarks, each with its features.
    levels
        Level numbers; the first, the middle and the last of each benchmark unless given.
    points
        `classes`: a point a class. `samples`: a point a sample, drawn as pixels also in `.pdf` and `.svg`.
    size
        As for `plot_fid`.
    overwrite
        Replace a file that exists.
    progress
        Show progress on standard error.

    Raises
    ------
    SplitError
        Where a level does not exist, or the features lack a class of it.
    InputError
        Where the suffix or the size is another, or the file exists and `overwrite` is off.
    """
    asked = [
        (opened, _levels_of(opened, levels), source if isinstance(source, Features) else open_features(source))
        for opened, source in ((_opened(each), source) for each, source in [(benchmark, features), *also])
    ]
    path = location(out)
    with saved_figure(path, overwrite=overwrite, size=size) as figure:
        mapped = [_mapped(opened, shown, source, points, progress=progress) for opened, shown, source in asked]
        if also:
            draw_grid(figure, mapped, points, by_hardness=levels is None, width=_width(size))
        else:
            draw_panels(figure, mapped[0].name, mapped[0].levels, mapped[0].embedding, points, _width(size))
    return path


def plot_agreement(agreement: Agreement, out: Path | str, *, overwrite: bool = False) -> Path:
    """Draw the normalised FIDs of a ladder under several features, and the rank correlations of each pair.

    Parameters
    ----------
    agreement
        What `oodml_bench.agreement` found.
    out
        The picture: `.png`, `.pdf` or `.svg`.
    overwrite
        Replace a file that exists.

    Raises
    ------
    SplitError
        Where the levels of the benchmark have no order: there is one alone, or all have the same FID.
    InputError
        Where the suffix is another, or the file exists and `overwrite` is off.
    """
    if not agreement.own.has_order:
        raise SplitError(
            f"{len(agreement.own.levels)} level(s) of one FID have no order that a figure could show; it needs a "
            "benchmark with two levels of different FID"
        )
    path = location(out)
    with saved_figure(path, overwrite=overwrite) as figure:
        draw_agreement(figure, agreement)
    return path


def plot_curves(
    results: Path | str | Sequence[ResultRow],
    out: Path | str,
    *,
    metric: str = "recall@1",
    fixed_gallery: bool = False,
    weights: Weights | None = None,
    relative: bool = False,
    size: Size | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw a score over the FID, a line a recipe, with the 95 % t-interval over seeds as a band.

    Each benchmark has a panel of its own.

    Parameters
    ----------
    results
        Results, or the path of a results table or of a folder of runs.
    out
        The picture: `.png`, `.pdf` or `.svg`.
    metric
        Name of the metric.
    fixed_gallery
        Take scores on galleries of one number of classes instead of all test classes of each level.
    weights
        `selected`, `last` or `given`; of each recipe the first of these that it has results of, unless given.
    relative
        Draw below the scores what they deviate from the mean over recipes at each level, with a linear fit: how much
        recipes differ, which the fall of all scores hides.
    size
        As for `plot_fid`.
    overwrite
        Replace a file that exists.

    Raises
    ------
    RunError
        Where results cannot be read, or contradict each other.
    InputError
        Where no result is of this kind, deviations have no value since there is one recipe alone or no level that all
        have a score on, the suffix or the size is another, or the file exists and `overwrite` is off.
    """
    rows = _results(results)
    curves = curves_of(rows, metric, weights, fixed_gallery)
    path = location(out)
    with saved_figure(path, overwrite=overwrite, size=size) as figure:
        draw_curves(figure, curves, metric, relative=relative, width=_width(size))
    return path


def plot_ags(
    results: Path | str | Sequence[ResultRow],
    out: Path | str,
    *,
    metric: str = "recall@1",
    weights: Weights | None = None,
    size: Size | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw the aggregated generalisation score of each recipe, highest first, with its 95 % t-interval over seeds.

    Where there are scores on galleries of one number of classes, those beside the others. Each benchmark has a panel of
    its own.

    Parameters
    ----------
    results, out, metric, weights, size, overwrite
        As for `plot_curves`.

    Raises
    ------
    RunError
        Where results cannot be read, or contradict each other.
    InputError
        Where no recipe has results on all levels, the suffix or the size is another, or the file exists and `overwrite`
        is off.
    """
    rows = _results(results)
    curves = curves_of(rows, metric, weights)
    if not any(curve.ags for curve in curves):
        raise InputError(
            f"no recipe has a seed with {metric} on all of its levels, two or more; finish the runs to aggregate scores"
        )
    controlled: list[Curve] = []
    of_one_size = (row for row in rows if row.gallery_classes is not None and row.shots == 0)
    if any(row.metric == metric and weights in (None, row.weights) for row in of_one_size):
        controlled = curves_of(rows, metric, weights, fixed_gallery=True)
    path = location(out)
    with saved_figure(path, overwrite=overwrite, size=size) as figure:
        draw_ags(figure, curves, controlled, metric, _width(size))
    return path


def plot_few_shot(
    results: Path | str | Sequence[ResultRow],
    out: Path | str,
    *,
    metric: str = "recall@1",
    adaptation: str | None = None,
    shots: Sequence[int] | None = None,
    fixed_gallery: bool = False,
    weights: Weights | None = None,
    size: Size | None = None,
    overwrite: bool = False,
) -> Path:
    """Draw scores before and after few-shot adaptation over the FID, and the relative gain with a straight line.

    A row a number of shots, a column a recipe. Bands are 95 % t-intervals over seeds, or over episodes of a single one.

    Parameters
    ----------
    results, out, metric, weights, size, overwrite
        As for `plot_curves`.
    adaptation
        Name of the adaptation; the only one that there is, unless given.
    shots
        Numbers of shots; all that there are, unless given.
    fixed_gallery
        Take scores on galleries of one number of classes instead of all classes of each level's queries.

    Raises
    ------
    RunError
        Where results cannot be read, or contradict each other.
    InputError
        Where no episode was scored both before and after, there are several adaptations and none is given, the suffix
        or the size is another, or the file exists and `overwrite` is off.
    """
    gains = gains_of(
        _results(results),
        metric=metric,
        shots=shots,
        adaptation=adaptation,
        weights=weights,
        fixed_gallery=fixed_gallery,
    )
    found = sorted({gain.adaptation for gain in gains})
    if len(found) > 1:
        raise InputError(f"a figure shows one adaptation, and there are {', '.join(found)}; give the name of one")
    path = location(out)
    with saved_figure(path, overwrite=overwrite, size=size) as figure:
        draw_few_shot(figure, few_shot_curves(gains), metric, _width(size))
    return path


def _results(results: Path | str | Sequence[ResultRow]) -> Sequence[ResultRow]:
    if isinstance(results, Sequence) and not isinstance(results, str):
        return results
    return read_results(results)


def _width(size: Size | None) -> float | None:
    return None if size is None else WIDTHS[size]


def _opened(benchmark: Benchmark | Path | str) -> Benchmark:
    return benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)


def _levels_of(benchmark: Benchmark, numbers: Sequence[int] | None) -> dict[int, Level]:
    known = list(benchmark.levels)
    if numbers is None:
        numbers = sorted({known[0], known[len(known) // 2], known[-1]})
    unknown = [number for number in numbers if number not in benchmark.levels]
    if unknown or not numbers:
        raise SplitError(f"no level {', '.join(map(str, unknown))}; this benchmark has {known[0]} to {known[-1]}")
    return {number: benchmark.levels[number] for number in numbers}


def _mapped(
    benchmark: Benchmark, levels: dict[int, Level], features: Features, points: Points, *, progress: bool
) -> MappedLevels:
    embedding = umap_embedding(features, points, progress=progress)
    _check_covered(levels, embedding)
    return MappedLevels(benchmark.name, levels, embedding)


def _check_covered(levels: dict[int, Level], embedding: Embedding) -> None:
    for number, level in levels.items():
        missing = sorted(set(level.train + level.test) - set(embedding.classes))
        if missing:
            raise SplitError(
                f"the features lack {len(missing)} classes of level {number}, among them {missing[0]!r}: are these the "
                "features from which the benchmark was built?"
            )
