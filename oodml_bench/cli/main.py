"""The command `oodml-bench`."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from oodml_bench import __version__
from oodml_bench.cli.adapt import adapt
from oodml_bench.cli.agree import agree
from oodml_bench.cli.audit import audit
from oodml_bench.cli.build import build
from oodml_bench.cli.distance import distance
from oodml_bench.cli.echo import echo
from oodml_bench.cli.extract import extract
from oodml_bench.cli.inspect import inspect
from oodml_bench.cli.plot import plot
from oodml_bench.cli.progression import progression
from oodml_bench.cli.report import report
from oodml_bench.cli.score_embeddings import score_embeddings
from oodml_bench.cli.sweep import sweep
from oodml_bench.cli.train import evaluate, train
from oodml_bench.cli.validate import validate
from oodml_bench.cli.verify import verify
from oodml_bench.errors import OodmlError
from oodml_bench.printing import printable


class _Commands(click.Group):
    """Shows this package's errors as a message without a traceback, and lists commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _harmless_usage_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        # As standard error does: a terminal of few characters is no reason to fail.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            with _harmless_usage_errors():
                return super().invoke(ctx)
        except OodmlError as error:
            first, *others = error.args
            for line in (f"Error: {first}", *others):
                echo(line, err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            echo("Interrupted. What was finished is kept; the same command goes on from there.", err=True)
            # What a shell gives for a command that Ctrl-C ended.
            sys.exit(128 + signal.SIGINT)


@contextmanager
def _harmless_usage_errors() -> Iterator[None]:
    """Make control characters visible in what click says of arguments, which a shell may have filled in from files."""
    try:
        yield
    except click.UsageError as error:
        # What a command says that lacks its arguments is its help, which has lines of its own.
        if error.ctx is not None and error.message == error.ctx.get_help():
            raise
        raise click.UsageError(printable(error.format_message()), error.ctx) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="oodml-bench")
def main() -> None:
    """Turn any labelled image collection into a graded, out-of-distribution benchmark for metric learning.

    \b
    images ─ extract ─▶ features ─ build ─▶ benchmark ─ inspect, plot ─▶ what people look at

    \b
    Try it without any data of your own:
      oodml-bench extract glyphs:300 --backbone efficientnet_lite0 --image-size 96 --out features/glyphs
      oodml-bench build features/glyphs --out glyphs_splits.pkl
      oodml-bench inspect glyphs_splits.pkl
    """


for command in (
    *(extract, build, inspect, verify, audit, distance, agree, progression),
    *(validate, train, evaluate, sweep, adapt, score_embeddings, plot, report),
):
    main.add_command(command)
