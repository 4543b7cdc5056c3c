"""`oodml-bench plot`: figures of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.parameters import CommaSeparated, overwrite_option

if TYPE_CHECKING:
    from oodml_bench.reporting.embedding import Points

_PICTURE = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The picture: .png, .pdf or .svg."
)


@click.group()
def plot() -> None:
    """Draw a benchmark.

    \b
    Example:
      oodml-bench plot fid datasplits/cub200_splits.pkl --out fid.pdf
    """


@plot.command()
@click.argument("benchmark", type=click.Path(path_type=Path))
@_PICTURE
@overwrite_option
def fid(benchmark: Path, out: Path, overwrite: bool) -> None:
    """Draw the FID progression of BENCHMARK around its default split, with the chosen levels.

    \b
    Example:
      oodml-bench plot fid datasplits/cub200_splits.pkl --out fid.pdf
    """
    from oodml_bench.reporting import plot_fid

    click.echo(f"written: {plot_fid(benchmark, out, overwrite=overwrite)}")


@plot.command()
@click.argument("benchmark", type=click.Path(path_type=Path))
@click.argument("features", type=click.Path(path_type=Path))
@_PICTURE
@click.option("--levels", type=CommaSeparated(int), help="Level numbers, as 1,5,9.  [default: first, middle, last]")
@click.option(
    "--points", type=click.Choice(["classes", "samples"]), default="classes", show_default=True, help="What a point is."
)
@overwrite_option
def umap(
    benchmark: Path, features: Path, out: Path, levels: tuple[int, ...] | None, points: Points, overwrite: bool
) -> None:
    """Draw levels of BENCHMARK over one common UMAP embedding of FEATURES, train and test coloured.

    \b
    Example:
      oodml-bench plot umap datasplits/cub200_splits.pkl features/cub200 --levels 1,5,9 --out umap.png
    """
    from oodml_bench.reporting import plot_umap

    written = plot_umap(benchmark, features, out, levels=levels, points=points, overwrite=overwrite, progress=True)
    click.echo(f"written: {written}")
