"""`oodml-bench verify`: whether a benchmark is what it says."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo, echo_json
from oodml_bench.cli.parameters import LOCATION

if TYPE_CHECKING:
    from oodml_bench.splits.verification import Check, Verification

_MARKS = {"passed": "✓", "failed": "✗", "unchecked": "–"}

#: Problems of one check that are listed.
_LISTED = 5


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.option("--features", type=LOCATION, help="Of its classes: to compute the FIDs again.")
@click.option("--images", help="Its dataset, as `extract` takes it: to take its fingerprint again.")
@click.option("--json", "as_json", is_flag=True, help="Write the checks as JSON instead, with every problem.")
def verify(benchmark: Path, features: Path | None, images: str | None, as_json: bool) -> None:
    """Check BENCHMARK without trusting it: a .pkl or .json file of this tool, or a published ooDML pickle.

    One line a check: ✓ passed, ✗ failed, – not checked, with the reason. Exits with 1 where a check failed.

    \b
    Example:
      oodml-bench verify datasplits/cub200_splits.pkl --features features/cub200 --images cub200:/data/cub200
    """
    from oodml_bench.splits.verification import verify as verified

    verification = verified(benchmark, features=features, images=images, progress=True)
    if as_json:
        # In ASCII: what names hold cannot reach the terminal.
        echo_json(_document(verification))
    else:
        _show(verification)
    if verification.failed:
        sys.exit(1)


def _document(verification: Verification) -> dict[str, object]:
    return {
        "benchmark": str(verification.path),
        "passed": not verification.failed,
        "checks": [asdict(check) for check in verification.checks],
    }


def _show(verification: Verification) -> None:
    for check in verification.checks:
        echo(f"{_MARKS[check.status]} {check.name}{f' ({check.note})' if check.note else ''}")
        _show_problems(check)
    count = {status: sum(check.status == status for check in verification.checks) for status in _MARKS}
    echo(f"{count['passed']} checks passed, {count['failed']} failed, {count['unchecked']} could not be made")


def _show_problems(check: Check) -> None:
    for problem in check.problems[:_LISTED]:
        echo(f"    {problem}")
    if len(check.problems) > _LISTED:
        echo(f"    and {len(check.problems) - _LISTED} more; --json lists them")
