"""`oodml-bench score-embeddings`: somebody else's model."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Literal

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, CommaSeparated, LevelNumbers, overwrite_option
from oodml_bench.cli.train import show_run


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("embeddings", type=LOCATION)
@click.option(
    "--level", "levels", type=LevelNumbers(), required=True, help="Whose test classes are scored: 3, or 1,3,5, or all."
)
@click.option("--images", help="The dataset, where the benchmark does not name its samples (published pickles).")
@click.option("--name", help="What results call the model.  [default: the file's name]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The model's, for the results.")
@click.option("--metrics", type=CommaSeparated(str), help="As recall@1,map@r,nmi.  [default: all]")
@click.option("--out", type=LOCATION, help="File for the results, as JSON lines; see `plot curves`.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@overwrite_option
def score_embeddings(
    benchmark: Path,
    embeddings: Path,
    levels: tuple[int, ...] | Literal["all"],
    images: str | None,
    name: str | None,
    seed: int,
    metrics: tuple[str, ...] | None,
    out: Path | None,
    device: str,
    overwrite: bool,
) -> None:
    """Score EMBEDDINGS of the test classes of levels: any model, trained anywhere, by the same metrics.

    EMBEDDINGS is a Parquet file with the columns `sample` and `embedding`, or an .npz file with `samples` (N,) and
    `embeddings` (N, D). A sample is named by its path relative to the dataset's root, or as class/sample.

    A model that was trained on the train classes of a level has seen test classes of other levels: score it on its own
    level, and several levels at once only for a model that was trained on none of them.

    \b
    Example:
      oodml-bench score-embeddings datasplits/cub200_splits.pkl --level 3 my_embeddings.parquet
      oodml-bench score-embeddings datasplits/cub200_splits.pkl --level all clip.parquet --out clip.jsonl
    """
    from oodml_bench.evaluation.results import write_results
    from oodml_bench.output import check_writable, refuse_to_overwrite
    from oodml_bench.training.foreign import score_foreign

    if out is not None:
        refuse_to_overwrite(out, overwrite=overwrite)
        check_writable(out)
    rows = score_foreign(
        benchmark,
        embeddings,
        levels=None if levels == "all" else levels,
        dataset=images,
        name=name,
        seed=seed,
        metrics=metrics,
        device=device,
    )
    for _, of_level in groupby(rows, key=lambda row: row.level):
        show_run(list(of_level))
    if out is not None:
        write_results(out, rows)
        echo(f"written: {out}")
