"""Figures of a benchmark: its FID progression, its levels seen by UMAP, and its order under other features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oodml_bench.errors import InputError, SplitError
from oodml_bench.features import Features, open_features
from oodml_bench.output import refuse_to_overwrite, replaced_atomically
from oodml_bench.reporting.agreement import draw_agreement
from oodml_bench.reporting.embedding import Embedding, Points, umap_embedding
from oodml_bench.reporting.fid_progression import draw_levels_alone, draw_progression
from oodml_bench.reporting.umap_panels import draw_panels
from oodml_bench.splits import Agreement, Benchmark, Level, load_benchmark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")


def plot_fid(benchmark: Benchmark | Path | str, out: Path | str, *, overwrite: bool = False) -> Path:
    """Draw the FID progression in both directions around the default split, the removal and the chosen levels.

    A published pickle holds no progression: of it the levels alone are drawn.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    out
        The picture: `.png`, `.pdf` or `.svg`.
    overwrite
        Replace a file that exists.

    Raises
    ------
    InputError
        Where the suffix is another, or the file exists and `overwrite` is off.
    """
    benchmark = _opened(benchmark)
    with _saved_figure(Path(out), overwrite=overwrite) as figure:
        if benchmark.walks:
            draw_progression(figure, benchmark)
        else:
            draw_levels_alone(figure, benchmark)
    return Path(out)


def plot_umap(
    benchmark: Benchmark | Path | str,
    features: Features | Path | str,
    out: Path | str,
    *,
    levels: Sequence[int] | None = None,
    points: Points = "classes",
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Draw levels over one common UMAP embedding, train and test classes coloured, a panel a level.

    Parameters
    ----------
    benchmark
        A benchmark, or the path of one of its files.
    features
        Features of its classes, or their path.
    out
        The picture: `.png`, `.pdf` or `.svg`.
    levels
        Level numbers; the first, the middle and the last unless given.
    points
        `classes`: a point a class. `samples`: a point a sample.
    overwrite
        Replace a file that exists.
    progress
        Show progress on standard error.

    Raises
    ------
    SplitError
        Where a level does not exist, or the features lack a class of it.
    InputError
        Where the suffix is another, or the file exists and `overwrite` is off.
    """
    benchmark = _opened(benchmark)
    shown = _levels_of(benchmark, levels)
    source = features if isinstance(features, Features) else open_features(Path(features))
    with _saved_figure(Path(out), overwrite=overwrite) as figure:
        embedding = umap_embedding(source, points, progress=progress)
        _check_covered(shown, embedding)
        draw_panels(figure, benchmark.name, shown, embedding, points)
    return Path(out)


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
    with _saved_figure(Path(out), overwrite=overwrite) as figure:
        draw_agreement(figure, agreement)
    return Path(out)


def check_picture(out: Path, *, overwrite: bool) -> None:
    """Raise `InputError` where a figure cannot be written to `out`: for its suffix, or since it exists."""
    if out.suffix.lower() not in FORMATS:
        raise InputError(f"a picture ends in {', '.join(FORMATS)}, got {out}")
    refuse_to_overwrite(out, overwrite=overwrite)


def _opened(benchmark: Benchmark | Path | str) -> Benchmark:
    return benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)


@contextmanager
def _saved_figure(out: Path, *, overwrite: bool) -> Iterator[Figure]:
    """Give an empty figure, and write it to `out` when the block ends without an error."""
    check_picture(out, overwrite=overwrite)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same benchmark gives the same picture.
    style: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "oodml-bench"}
    with mpl.rc_context(style):
        figure = Figure(layout="constrained")
        yield figure
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}.get(out.suffix.lower())
        with replaced_atomically(out) as temporary:
            figure.savefig(temporary, dpi=200, metadata=metadata)


def _levels_of(benchmark: Benchmark, numbers: Sequence[int] | None) -> dict[int, Level]:
    known = list(benchmark.levels)
    if numbers is None:
        numbers = sorted({known[0], known[len(known) // 2], known[-1]})
    unknown = [number for number in numbers if number not in benchmark.levels]
    if unknown or not numbers:
        raise SplitError(f"no level {', '.join(map(str, unknown))}; this benchmark has {known[0]} to {known[-1]}")
    return {number: benchmark.levels[number] for number in numbers}


def _check_covered(levels: dict[int, Level], embedding: Embedding) -> None:
    for number, level in levels.items():
        missing = sorted(set(level.train + level.test) - set(embedding.classes))
        if missing:
            raise SplitError(
                f"the features lack {len(missing)} classes of level {number}, among them {missing[0]!r}: are these the "
                "features from which the benchmark was built?"
            )
