"""The command `oodml-bench`."""

from __future__ import annotations

import sys

import click

from oodml_bench import __version__
from oodml_bench.cli.adapt import adapt
from oodml_bench.cli.agree import agree
from oodml_bench.cli.build import build
from oodml_bench.cli.distance import distance
from oodml_bench.cli.extract import extract
from oodml_bench.cli.inspect import inspect
from oodml_bench.cli.plot import plot
from oodml_bench.cli.progression import progression
from oodml_bench.cli.report import report
from oodml_bench.cli.score_embeddings import score_embeddings
from oodml_bench.cli.sweep import sweep
from oodml_bench.cli.train import evaluate, train
from oodml_bench.cli.validate import validate
from oodml_bench.errors import OodmlError


class _Commands(click.Group):
    """Shows this package's errors as a message without a traceback, and lists commands in the order of their use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except OodmlError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)


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
    *(extract, build, inspect, distance, agree, progression),
    *(validate, train, evaluate, sweep, adapt, score_embeddings, plot, report),
):
    main.add_command(command)
