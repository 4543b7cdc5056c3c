"""Telling of runs that failed."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click


def show_failures(failures: Mapping[str, str]) -> None:
    """List the runs that failed, with the reasons, and exit with 1; do nothing where there are none."""
    if not failures:
        return
    click.echo(f"{len(failures)} runs failed; the same command tries them again:", err=True)
    for name, reason in failures.items():
        click.echo(f"  {name}: {reason}", err=True)
    sys.exit(1)
