"""`oodml-bench extract`: from images to a feature store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, address_option, device_option, engine_option, workers_option

if TYPE_CHECKING:
    from oodml_bench.features import Extraction


@click.command()
@click.argument("dataset")
@click.option("--out", type=LOCATION, required=True, help="Folder of the feature store.")
@click.option(
    "--backbone",
    default="resnet50",
    show_default=True,
    help="resnet50, efficientnet_lite0, or timm:NAME for any timm model.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="Local weights file for the backbone.")
@click.option("--image-size", type=click.IntRange(min=1), help="Side of the square given to the backbone, in pixels.")
@click.option("--skip-broken", is_flag=True, help="Leave out unreadable images and list them, instead of stopping.")
@device_option
@click.option("--precision", default="auto", show_default=True, help="auto, float32, bfloat16 or float16.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Images at once on a GPU; on the CPU always 32, by which features do not depend on it.",
)
@workers_option
@click.option("--shard", help="Do one part of the work, as 3/16: the third of sixteen such commands.")
@engine_option
@address_option
@click.option("--gpus", type=click.IntRange(min=0), help="GPUs of the Ray cluster; 0: its CPUs. All unless given.")
def extract(
    dataset: str,
    out: Path,
    backbone: str,
    weights: Path | None,
    image_size: int | None,
    skip_broken: bool,
    device: str,
    precision: str,
    batch_size: int,
    workers: int | None,
    shard: str | None,
    engine: str,
    address: str | None,
    gpus: int | None,
) -> None:
    """Extract the features of DATASET into a folder of Parquet files.

    \b
    DATASET is one of
      folder:PATH            one folder a class
      nested:PATH            the same with one more layer, superclass/class
      linked:PATH            as folder:PATH, with links that lead out of it
      cub200:PATH  cars196:PATH  sop:PATH
      torchvision:NAME:PATH  hf:NAME_OR_PATH  arrays:FILE.npz
      glyphs  glyphs:N       bundled: drawn characters, no download
      glyphs+homoglyphs[:N]  the same, where characters that look alike stay classes of their own

    An interrupted extraction continues where it was when the same command is run again. Shards may write to one folder
    at the same time, or to folders of their own whose files are then put into one; the last one finishes it.

    \b
    Example:
      oodml-bench extract cub200:/data/cub200 --out features/cub200
      oodml-bench extract folder:/data/products --out features/products --engine ray --address auto --gpus 8
    """
    from oodml_bench.datasets import open_dataset
    from oodml_bench.progress import working_on

    extract_features = _engine(engine, shard, address, gpus)
    with working_on("Listing the images"):
        opened = open_dataset(dataset)
    echo(f"{opened.name}: {len(opened.classes)} classes, {opened.sample_count} images")
    for note in opened.notes:
        echo(f"note: {note}")
    extraction = extract_features(
        opened,
        out,
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        device=device,
        precision=precision,
        batch_size=batch_size,
        workers=workers,
        skip_broken=skip_broken,
        progress=True,
    )
    if extraction.skipped:
        echo(f"skipped {len(extraction.skipped)} unreadable images; meta.json lists them", err=True)
    if extraction.computed:
        echo(f"{extraction.computed} images extracted to {out}")
    else:
        echo(f"{out} is complete already: nothing to do" if extraction.store.complete else "nothing to do")
    if missing := len(extraction.store.missing_parts):
        echo(f"{missing} of {extraction.store.meta.part_count} parts are left to other shards")


def _engine(engine: str, shard: str | None, address: str | None, gpus: int | None) -> Callable[..., Extraction]:
    """Give the function that extracts, told of what only one of the engines takes."""
    if engine == "ray":
        if shard is not None:
            raise click.UsageError("--shard is for --engine local; Ray shares the work out by itself")
        from oodml_bench.scale import extract_on_ray

        return partial(extract_on_ray, address=address, gpus=gpus)
    if address is not None or gpus is not None:
        raise click.UsageError("--address and --gpus are for --engine ray")
    from oodml_bench.features import extract
    from oodml_bench.features.shards import Shard

    return partial(extract, shard=None if shard is None else Shard.parse(shard))
