"""`oodml-bench distance`: how far apart two sets of classes are, and how far to trust that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, compute_option, overwrite_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oodml_bench.hardness.null import Calibration
    from oodml_bench.splits.measuring import Measured


@click.command()
@click.argument("features", type=LOCATION)
@click.option("--train", type=LOCATION, help="Text file: the train classes, a name a line.")
@click.option("--test", type=LOCATION, help="Text file: the test classes, a name a line.")
@click.option(
    "--null-draws",
    type=int,
    help="Random splits to set the FID against.  [default: 100, with more than 5,000 classes 20]",
)
@click.option("--shrinkage", type=float, default=0.0, help="Also with covariances shrunk to a sphere by this share.")
@click.option("--eps", type=float, default=0.0, help="Also with this on the diagonals; 1e-8 as the published code.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the random splits.")
@click.option("--out", type=LOCATION, help="Write the numbers to this file too, as JSON.")
@compute_option
@overwrite_option
def distance(
    features: Path,
    train: Path | None,
    test: Path | None,
    null_draws: int | None,
    shrinkage: float,
    eps: float,
    seed: int,
    out: Path | None,
    device: str,
    overwrite: bool,
) -> None:
    """Measure the FID between two sets of classes of FEATURES, without building anything.

    Without --train and --test, that of the default split.

    \b
    Example:
      oodml-bench distance features/cub200 --train train.txt --test test.txt
    """
    import json
    from dataclasses import asdict

    from oodml_bench.hardness import on_device
    from oodml_bench.output import check_writable, refuse_to_overwrite, write_bytes
    from oodml_bench.splits.class_names import read_class_names
    from oodml_bench.splits.measuring import measure_split

    if out is not None:
        refuse_to_overwrite(out, overwrite=overwrite)
        check_writable(out)
    sides = (None if path is None else read_class_names(path) for path in (train, test))
    with on_device(device):
        measured = measure_split(
            features, *sides, shrinkage=shrinkage, eps=eps, null_draws=null_draws, seed=seed, progress=True
        )
    for line in _lines(measured):
        echo(line)
    if out is not None:
        content = {**asdict(measured), "fid": measured.distance.fid}
        write_bytes(out, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
        echo(f"written: {out}")


def _lines(measured: Measured) -> Iterator[str]:
    sizes = f"{len(measured.split.train)} train and {len(measured.split.test)} test classes"
    others = f", {measured.others} on neither side" if measured.others else ""
    yield f"{'default split: ' if measured.is_default else ''}{sizes}{others}, {measured.dimension} dimensions"
    found = measured.distance
    interval = "" if measured.interval is None else " (95 %: {:.4g} to {:.4g})".format(*measured.interval)
    yield f"FID                {found.fid:.6g}{interval}"
    yield f"  between means    {found.mean_term:.6g}"
    yield f"  between spreads  {found.covariance_term:.6g}"
    if measured.regularised is not None:
        changed = measured.regularised
        named = f"shrinkage {changed.shrinkage:g}, eps {changed.eps:g}"
        yield f"  changed          {changed.distance.fid:.9g} ({named})"
    if measured.calibration is not None:
        yield from _calibration_lines(measured.calibration)
    if measured.size_free is not None:
        yield "whatever the number of classes:"
        yield f"  means, squared   {measured.size_free.mean_distance:.6g}"
        yield f"  KID              {measured.size_free.kid:.6g}"


def _calibration_lines(calibration: Calibration) -> Iterator[str]:
    null = calibration.null
    band = f"95 %: {null.low:.4g} to {null.high:.4g}, {null.draws} draws"
    yield f"random splits      {null.mean:.4g} ± {null.sd:.2g} ({band})"
    z = "" if calibration.z is None else f", z {calibration.z:+.1f}"
    yield f"  excess           {calibration.excess:.6g}{z}, percentile {100 * calibration.percentile:.0f}"
    if calibration.inside_band:
        yield "  This split cannot be told from a random one."
