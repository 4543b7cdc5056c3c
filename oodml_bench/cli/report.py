"""`oodml-bench report`: one page that opens in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, overwrite_option


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.option("--features", type=LOCATION, help="Of its classes: for the map, typical classes and leaks.")
@click.option("--images", help="Its dataset, as `extract` takes it: for thumbnails, and to confirm leaks.")
@click.option("--runs", type=LOCATION, help="Folder of runs, or a results table: for the scores.")
@click.option("--out", type=LOCATION, required=True, help="A folder that gets index.html, or an .html.")
@overwrite_option
def report(
    benchmark: Path, features: Path | None, images: str | None, runs: Path | None, out: Path, overwrite: bool
) -> None:
    """Write BENCHMARK, and what was trained on it, as one page that opens in a browser, without any network.

    With the benchmark alone the page has its levels and its progression; each option adds a part.

    \b
    Example:
      oodml-bench report datasplits/glyphs_splits.pkl --features features/glyphs --images glyphs \\
          --runs runs/glyphs --out report/
    """
    from oodml_bench.reporting.report import write_report

    page = write_report(benchmark, out, features=features, images=images, runs=runs, overwrite=overwrite, progress=True)
    echo(f"written: {page} ({page.stat().st_size / 1e6:.1f} MB)")
