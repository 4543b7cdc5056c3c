"""Printing lines: everything that commands print besides tables goes through here."""

from __future__ import annotations

import json

import click

from oodml_bench.printing import printable


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line, to standard error if `err`; control characters in it, line breaks too, are made visible."""
    click.echo(printable(line), err=err)


def echo_json(content: object) -> None:
    """Print JSON for another program to read; whatever is not ASCII, or a control character, is escaped as in JSON."""
    click.echo(json.dumps(content, indent=1))
