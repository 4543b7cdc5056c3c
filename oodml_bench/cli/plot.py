"""`oodml-bench plot`: figures of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, CommaSeparated, overwrite_option

if TYPE_CHECKING:
    from oodml_bench.evaluation.results import Weights
    from oodml_bench.reporting.embedding import Points
    from oodml_bench.reporting.saving import Size

_PICTURE = click.option("--out", type=LOCATION, required=True, help="The picture: .png, .pdf or .svg.")
_SIZE = click.option(
    "--size", type=click.Choice(["column", "page"]), help="Width for a paper: 3.3 or 6.9 in.  [default: by its content]"
)


@click.group()
def plot() -> None:
    """Draw a benchmark, or the results of runs on it.

    \b
    Example:
      oodml-bench plot fid datasplits/cub200_splits.pkl --out fid.pdf
    """


@plot.command()
@click.argument("benchmark", type=LOCATION)
@_PICTURE
@_SIZE
@overwrite_option
def fid(benchmark: Path, out: Path, size: Size | None, overwrite: bool) -> None:
    """Draw the FID progression of BENCHMARK around its default split, with the chosen levels.

    \b
    Example:
      oodml-bench plot fid datasplits/cub200_splits.pkl --out fid.pdf
      oodml-bench plot fid datasplits/cub200_splits.pkl --size column --out fid.pdf
    """
    from oodml_bench.reporting import plot_fid

    echo(f"written: {plot_fid(benchmark, out, size=size, overwrite=overwrite)}")


@plot.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("features", type=LOCATION)
@click.argument("also", metavar="[BENCHMARK FEATURES]...", nargs=-1, type=LOCATION)
@_PICTURE
@click.option("--levels", type=CommaSeparated(int), help="Level numbers, as 1,5,9.  [default: first, middle, last]")
@click.option(
    "--points", type=click.Choice(["classes", "samples"]), default="classes", show_default=True, help="What a point is."
)
@_SIZE
@overwrite_option
def umap(
    benchmark: Path,
    features: Path,
    also: tuple[Path, ...],
    out: Path,
    levels: tuple[int, ...] | None,
    points: Points,
    size: Size | None,
    overwrite: bool,
) -> None:
    """Draw levels of BENCHMARK over one common UMAP embedding of FEATURES, train and test coloured.

    Of several benchmarks, each with its features, it is a grid: a row a benchmark, a column a level.

    \b
    Example:
      oodml-bench plot umap datasplits/cub200_splits.pkl features/cub200 --levels 1,5,9 --out umap.png
      oodml-bench plot umap datasplits/cub200_splits.pkl features/cub200 \\
          datasplits/cars196_splits.pkl features/cars196 --points samples --size page --out umaps.pdf
    """
    if len(also) % 2:
        raise click.UsageError(f"{also[-1]} has no features beside it; after each benchmark come its features")
    from oodml_bench.reporting import plot_umap

    pairs = list(zip(also[::2], also[1::2], strict=True))
    written = plot_umap(
        benchmark, features, out, also=pairs, levels=levels, points=points, size=size, overwrite=overwrite,
        progress=True,
    )  # fmt: skip
    echo(f"written: {written}")


_METRIC = click.option("--metric", default="recall@1", show_default=True, help="A metric of the results.")
_WEIGHTS = click.option(
    "--weights",
    type=click.Choice(["last", "selected", "given"]),
    help="Which weights.  [default: of each recipe selected, else last]",
)


@plot.command()
@click.argument("runs", type=LOCATION)
@_PICTURE
@_METRIC
@_WEIGHTS
@click.option("--fixed-gallery", is_flag=True, help="Scores on galleries of one number of classes at every level.")
@click.option("--relative", is_flag=True, help="Below, deviations from the mean over recipes, with linear fits.")
@_SIZE
@overwrite_option
def curves(
    runs: Path,
    out: Path,
    metric: str,
    weights: Weights | None,
    fixed_gallery: bool,
    relative: bool,
    size: Size | None,
    overwrite: bool,
) -> None:
    """Draw scores over FID, a line a recipe and a band over seeds, from the results in RUNS.

    Each benchmark that RUNS has results of has a panel of its own.

    RUNS is a file of results, such as `score-embeddings --out` writes, or a folder: then all files are read that are
    called results.jsonl in it or below, as those in the folders of runs are.

    \b
    Example:
      oodml-bench plot curves runs/cub --out curves.pdf
      oodml-bench plot curves runs/cub --relative --size page --out curves.pdf
      oodml-bench plot curves clip.jsonl --out clip.pdf
    """
    from oodml_bench.reporting import plot_curves

    written = plot_curves(
        runs, out, metric=metric, weights=weights, fixed_gallery=fixed_gallery, relative=relative, size=size,
        overwrite=overwrite,
    )  # fmt: skip
    echo(f"written: {written}")


@plot.command()
@click.argument("runs", type=LOCATION)
@_PICTURE
@_METRIC
@_WEIGHTS
@_SIZE
@overwrite_option
def ags(runs: Path, out: Path, metric: str, weights: Weights | None, size: Size | None, overwrite: bool) -> None:
    """Draw each recipe's aggregated generalisation score: its mean score over the range of FIDs.

    RUNS is what `plot curves` takes.

    \b
    Example:
      oodml-bench plot ags runs/cub --out ags.pdf
    """
    from oodml_bench.reporting import plot_ags

    echo(f"written: {plot_ags(runs, out, metric=metric, weights=weights, size=size, overwrite=overwrite)}")


@plot.command()
@click.argument("runs", type=LOCATION)
@_PICTURE
@_METRIC
@click.option("--adaptation", help="Name of an adaptation.  [default: the only one]")
@click.option("--shots", type=CommaSeparated(int, least=1), help="Numbers of shots, as 2,5.  [default: all]")
@_WEIGHTS
@click.option("--fixed-gallery", is_flag=True, help="Scores on galleries of one number of classes at every level.")
@_SIZE
@overwrite_option
def fewshot(
    runs: Path,
    out: Path,
    metric: str,
    adaptation: str | None,
    shots: tuple[int, ...] | None,
    weights: Weights | None,
    fixed_gallery: bool,
    size: Size | None,
    overwrite: bool,
) -> None:
    """Draw scores over FID before and after few-shot adaptation, and the relative gain with a linear fit.

    RUNS is what `plot curves` takes: runs that `oodml-bench adapt` has adapted.

    \b
    Example:
      oodml-bench plot fewshot runs/cub --out fewshot.pdf
    """
    from oodml_bench.reporting import plot_few_shot

    written = plot_few_shot(
        runs, out, metric=metric, adaptation=adaptation, shots=shots, weights=weights, fixed_gallery=fixed_gallery,
        size=size, overwrite=overwrite,
    )  # fmt: skip
    echo(f"written: {written}")
