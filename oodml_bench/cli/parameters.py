"""Kinds of values, and options, that commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from oodml_bench.locations import location

Command = TypeVar("Command", bound=Callable[..., Any])


class CommaSeparated(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.4
    """Values separated by commas: `1,5,9`; numbers from `least` on."""

    def __init__(self, of: type, least: int | None = None) -> None:
        self.of = of
        self.least = least
        self.name = f"{of.__name__},…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split a text; a default that is split already passes."""
        if not isinstance(value, str):
            return value
        try:
            values = tuple(self.of(part.strip()) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.of.__name__} values separated by commas", param, ctx)
        if self.least is not None and min(values) < self.least:
            self.fail(f"{min(values)} is below {self.least}, the least that is allowed", param, ctx)
        return values


class LevelNumbers(CommaSeparated):
    """Numbers of levels separated by commas, or `all`."""

    def __init__(self) -> None:
        super().__init__(int)
        self.name = "int,…|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split a text, unless it is `all`."""
        return value if value == "all" else super().convert(value, param, ctx)


class Location(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.4
    """A path of this machine, or a URL."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002
        """Give the path; a default that is one already passes."""
        return location(value)


LOCATION = Location()

compute_option = click.option(
    "--device", default="cpu", show_default=True, help="Where distances are computed: cpu, cuda or cuda:N."
)
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=0), help="Processes that read images; chosen by the CPUs unless given."
)
logger_option = click.option(
    "--logger", "loggers", type=click.Choice(["tensorboard", "wandb"]), multiple=True, help="Log there as well."
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="This machine, or the machines of a Ray cluster.",
)
address_option = click.option(
    "--address", help="Ray cluster: auto, or HOST:PORT; without it, one is started on this machine."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace an output that exists.")


def constraint_options(command: Command) -> Command:
    """Add the options that say what a search must keep to."""
    for option in (
        click.option("--balance", type=float, help="Greatest difference of the sides in samples, as 0.1 of all."),
        click.option("--keep-test", type=LOCATION, help="Text file: classes that stay test, a name a line."),
        click.option("--keep-train", type=LOCATION, help="Text file: classes that stay train, a name a line."),
    ):
        command = option(command)
    return command
