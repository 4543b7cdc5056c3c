"""Kinds of values that commands share."""

from __future__ import annotations

from typing import Any

import click


class CommaSeparated(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.4
    """Values separated by commas: `1,5,9`."""

    def __init__(self, of: type) -> None:
        self.of = of
        self.name = f"{of.__name__},…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split a text; a default that is split already passes."""
        if not isinstance(value, str):
            return value
        try:
            return tuple(self.of(part.strip()) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.of.__name__} values separated by commas", param, ctx)


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
