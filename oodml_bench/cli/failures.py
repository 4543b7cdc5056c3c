"""Telling of runs that failed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

from oodml_bench.cli.echo import echo


def show_failures(failures: Mapping[str, str], held: Mapping[str, str] = MappingProxyType({})) -> None:
    """List the runs that failed, and those that other processes are at, and exit with 1; or do nothing if none is."""
    for runs, what in ((failures, "failed"), (held, "were left to other processes")):
        if runs:
            echo(f"{len(runs)} runs {what}; the same command tries them again:", err=True)
        for name, reason in runs.items():
            echo(f"  {name}: {reason}", err=True)
    if failures or held:
        sys.exit(1)
