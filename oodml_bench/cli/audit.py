"""`oodml-bench audit`: whether a benchmark leaks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, overwrite_option
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.splits.audit import Audit, Finding

#: Findings that are listed.
_LISTED = 20


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.option("--features", type=LOCATION, required=True, help="Of its samples: what is compared.")
@click.option("--images", help="Its dataset, as `extract` takes it: to confirm what features say, and compare files.")
@click.option(
    "--fail-over", type=click.IntRange(min=0), help="Exit with 1 where a level has more leaks. Needs --images."
)
@click.option("--out", type=LOCATION, help="Write all that was found to this file, as JSON.")
@overwrite_option
def audit(
    benchmark: Path,
    features: Path,
    images: str | None,
    fail_over: int | None,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Look for leaks in BENCHMARK: what should be on one side, and lies on both.

    Compares every sample with every other, across train and test, train and validation, support and query; files by
    their content; and class means. A leak is a pair of samples on opposite sides whose pictures are the same: file by
    file, pixel by pixel, or by a perceptual hash. Without --images nothing is confirmed. Crops and mirror images may be
    missed.

    \b
    Example:
      oodml-bench audit datasplits/cub200_splits.pkl --features features/cub200 --images cub200:/data/cub200
    """
    if fail_over is not None and images is None:
        raise click.UsageError("--fail-over needs --images: without pictures no leak is confirmed.")
    import json

    from oodml_bench.errors import DatasetError
    from oodml_bench.output import check_writable, refuse_to_overwrite, write_bytes
    from oodml_bench.splits.audit import audit as audited

    if out is not None:
        refuse_to_overwrite(out, overwrite=overwrite)
        check_writable(out)
    found = audited(benchmark, features, dataset=images, progress=True)
    if out is not None:
        write_bytes(out, json.dumps(found.as_dict(), indent=1).encode())
    _show_levels(found)
    _show_findings(found, out)
    for note in found.notes:
        echo(f"note: {note}", err=True)
    if fail_over is None:
        return
    if found.unseen:
        raise DatasetError(
            f"{found.unseen} samples could not be checked for --fail-over: their pictures are not in the dataset, or "
            "cannot be read. Give the dataset whose features these are, with all its files whole"
        )
    over = [level for level in found.levels if found.leaks(level) > fail_over]
    if over:
        echo(f"more than {fail_over} leaks at level {', '.join(map(str, over))}", err=True)
        sys.exit(1)


def _show_levels(found: Audit) -> None:
    from oodml_bench.splits.audit.describing import sides_of
    from oodml_bench.splits.audit.findings import BOUNDARIES

    headings: tuple[str | tuple[str, ...], ...] = (
        "level",
        *(("leaks", *boundary.split("/")) for boundary in BOUNDARIES),
        ("not", "confirmed"),
        ("twin", "classes"),
        ("superclasses", "on both sides"),
        ("samples a class", "train : test"),
        ("test", "samples"),
    )
    rows = [
        (
            str(level),
            *(str(found.leaks(level, boundary)) for boundary in BOUNDARIES),
            str(found.count(level, "unconfirmed")),
            str(found.count(level, "twin classes")),
            *sides_of(sides),
        )
        for level, sides in found.levels.items()
    ]
    echo(f"{found.name}: {len(found.levels)} levels")
    show_table(headings, rows)


def _show_findings(found: Audit, out: Path | None) -> None:
    grouped = found.by_classes()
    if not grouped:
        echo("nothing was found on both sides")
        return
    echo()
    for finding, more in grouped[:_LISTED]:
        echo(_line(finding, more))
    if (rest := len(found.findings) - sum(1 + more for _, more in grouped[:_LISTED])) > 0:
        echo(f"… and {rest:,} more; {out or '--out FILE'} has all")


def _line(finding: Finding, more: int) -> str:
    from oodml_bench.splits.audit.describing import places_of, similarity_of

    about = ", ".join(filter(None, (similarity_of(finding), places_of(finding))))
    others = f"; and {more:,} more of these classes" if more else ""
    return f"{finding.kind}: {finding.first.label} | {finding.second.label} ({about}{others})"
