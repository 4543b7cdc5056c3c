"""`oodml-bench validate`: whether the levels of a benchmark get harder for what is learned on them."""

from __future__ import annotations

import time
from pathlib import Path

import click

from oodml_bench.cli.curves_table import show_scores
from oodml_bench.cli.echo import echo
from oodml_bench.cli.failures import show_failures
from oodml_bench.cli.few_shot_table import show_few_shot
from oodml_bench.cli.parameters import LOCATION, CommaSeparated

#: Pair-based, mining, proxies, classification: one recipe of each kind.
RECIPES = ("head-margin", "head-multisimilarity", "head-proxyanchor", "head-arcface")

#: What is scored: the metrics that have size-controlled counterparts.
METRICS = ("recall@1", "map@r")


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("features", type=LOCATION)
@click.option("--recipes", type=CommaSeparated(str), default=",".join(RECIPES), show_default=True)
@click.option("--seeds", type=CommaSeparated(int, least=0), default="0,1,2", show_default=True)
@click.option("--levels", type=CommaSeparated(int), help="Level numbers, as 1,4,8.  [default: all]")
@click.option("--metric", type=click.Choice(METRICS), default="recall@1", show_default=True, help="What is printed.")
@click.option("--shots", type=CommaSeparated(int, least=1), help="Adapt to few-shot episodes as well, as 2,5.")
@click.option("--episodes", type=click.IntRange(min=1), help="How many of the benchmark's.  [default: all]")
@click.option(
    "--by",
    "adaptations",
    type=CommaSeparated(str),
    default="head-margin",
    show_default=True,
    help="Adaptations by name (see baselines/adaptations/), or TOML files.",
)
@click.option("--out", type=LOCATION, help="Folder for the runs, which `plot curves` draws.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
def validate(
    benchmark: Path,
    features: Path,
    recipes: tuple[str, ...],
    seeds: tuple[int, ...],
    levels: tuple[int, ...] | None,
    metric: str,
    shots: tuple[int, ...] | None,
    episodes: int | None,
    adaptations: tuple[str, ...],
    out: Path | None,
    device: str,
) -> None:
    """Check by training whether BENCHMARK is a ladder: does what is learned score lower where the FID is higher?

    The backbone stays frozen: embedding layers are trained on FEATURES, the stored features of its samples, by several
    recipes on every level, which takes minutes on a CPU. Removal leaves fewer classes to be confused, so that scores
    may rise while the shift grows: they are given on galleries of one number of classes as well.

    \b
    Example:
      oodml-bench validate datasplits/glyphs_splits.pkl features/glyphs
      oodml-bench validate datasplits/glyphs_splits.pkl features/glyphs --shots 2,5
    """
    from oodml_bench.features import open_features
    from oodml_bench.splits import load_benchmark
    from oodml_bench.training.few_shot import FewShot
    from oodml_bench.training.material import Material
    from oodml_bench.training.recipe_files import load_adaptation, load_recipes
    from oodml_bench.training.sweeping import sweep
    from oodml_bench.training.untrained import untrained_rows

    begin = time.monotonic()
    opened = open_features(features)
    material = Material(load_benchmark(benchmark), opened, str(benchmark.absolute()), str(features.absolute()))
    chosen = load_recipes(recipes, dataset=material.benchmark.name)
    few_shot = None
    if shots is not None:
        few_shot = FewShot(shots, tuple(load_adaptation(name) for name in adaptations), episodes)
    done = sweep(
        material,
        chosen,
        seeds=seeds,
        levels=levels,
        out=out,
        device=device,
        metrics=METRICS,
        few_shot=few_shot,
        progress=True,
    )
    if done.rows:
        echo(
            f"{material.benchmark.name}: embedding layers trained on features of "
            f"{opened.specification.get('backbone', 'a given model')}"
        )
        echo(f"{done.finished} trained, {done.skipped} found finished, {time.monotonic() - begin:.0f} s", err=True)
        echo()
        scored = sorted({row.level for row in done.rows})
        show_scores(
            done.rows,
            metric,
            levels or tuple(material.benchmark.levels),
            untrained_rows(material, levels=scored, metrics=METRICS),
        )
        show_few_shot(done.rows)
    if out is not None:
        echo(f"written: {out}")
    show_failures(done.failures)
