"""`oodml-bench inspect`: what a benchmark file holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.splits import Benchmark, Level
    from oodml_bench.splits.benchmark import Episode


@click.command()
@click.argument("benchmark", type=LOCATION)
def inspect(benchmark: Path) -> None:
    """Show what BENCHMARK holds: a .pkl or .json file of this tool, or a published ooDML pickle.

    \b
    Example:
      oodml-bench inspect datasplits/cub200_splits.pkl
    """
    from oodml_bench.splits import load_benchmark

    loaded = load_benchmark(benchmark)
    show_levels(loaded)
    _show_provenance(loaded)
    show_notes(loaded)


def show_levels(benchmark: Benchmark) -> None:
    """Print a line a level.

    `random` is the FID of random splits of the same classes at the same sizes, and `z` how many of their standard
    deviations the level lies from them. `95 %` is the interval of the FID by jackknife over classes, and `KID` does not
    depend on the number of classes.
    """
    headings = (
        "level",
        "FID",
        "95 %",
        "means",
        "spread",
        "random",
        "z",
        "KID",
        "step",
        "swaps",
        "removed",
        "train",
        "test",
        "val",
        "episodes",
    )
    echo(f"{benchmark.name}: {len(benchmark.levels)} levels")
    rows = ((str(number), *_cells(level)) for number, level in benchmark.levels.items())
    show_table(headings, rows, left=("episodes",))


def _cells(level: Level) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"

    known = level.step is not None
    return (
        number(level.fid),
        "–" if level.interval is None else "–".join(map(number, level.interval)),
        number(level.mean_term),
        number(level.covariance_term),
        f"{level.calibration.null.mean:.4g} ± {level.calibration.null.sd:.2g}" if level.calibration else "–",
        "–" if level.calibration is None or level.calibration.z is None else f"{level.calibration.z:+.1f}",
        "–" if level.size_free is None else f"{level.size_free.kid:.3g}",
        level.step or "–",
        str(level.swaps) if known else "–",
        str(len(level.removed)) if known else "–",
        str(len(level.train)),
        str(len(level.test)),
        str(len(level.split_val)),
        ", ".join(_episodes(shots, drawn) for shots, drawn in level.test_episodes.items()) or "none",
    )


def _episodes(shots: int, drawn: Mapping[int, Episode]) -> str:
    """Name episodes by what their shots count: samples of each class, or whole classes."""
    by_samples = all(isinstance(episode, Mapping) for episode in drawn.values())
    return f"{len(drawn)}×{shots}-{'shot' if by_samples else 'class'}"


def _show_provenance(benchmark: Benchmark) -> None:
    provenance = benchmark.provenance
    if provenance is None:
        echo("no JSON file lies beside this pickle: where it came from is not known")
        return
    shown = {
        "made by": f"oodml-bench {provenance.tool_version}",
        "dataset": provenance.dataset_fingerprint or "unknown (features came as arrays)",
        **provenance.features,
        **{name: value for name, value in provenance.settings.items() if value is not None},
    }
    for name, value in shown.items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        echo(f"  {name:<16} {text}")


def show_notes(benchmark: Benchmark) -> None:
    """Print what a user should know."""
    for note in benchmark.notes:
        echo(f"note: {note}", err=True)
