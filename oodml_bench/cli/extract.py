"""`oodml-bench extract`: from images to a feature store."""

from __future__ import annotations

from pathlib import Path

import click

from oodml_bench.cli.parameters import device_option, workers_option


@click.command()
@click.argument("dataset")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the feature store.")
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
@click.option("--batch-size", type=click.IntRange(min=1), default=64, show_default=True)
@workers_option
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
) -> None:
    """Extract the features of DATASET into a folder of Parquet files.

    \b
    DATASET is one of
      folder:PATH            one folder a class
      nested:PATH            the same with one more layer, superclass/class
      cub200:PATH  cars196:PATH  sop:PATH
      torchvision:NAME:PATH  hf:NAME_OR_PATH  arrays:FILE.npz
      glyphs  glyphs:N       bundled: drawn characters, no download

    An interrupted extraction continues where it was when the same command is run again.

    \b
    Example:
      oodml-bench extract cub200:/data/cub200 --out features/cub200
    """
    from oodml_bench.datasets import open_dataset
    from oodml_bench.features import extract as extract_features
    from oodml_bench.progress import working_on

    with working_on("Listing the images"):
        opened = open_dataset(dataset)
    click.echo(f"{opened.name}: {len(opened.classes)} classes, {opened.sample_count} images")
    for note in opened.notes:
        click.echo(f"note: {note}")
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
        click.echo(f"skipped {len(extraction.skipped)} unreadable images; meta.json lists them", err=True)
    if extraction.computed:
        click.echo(f"{extraction.computed} images extracted to {out}")
    else:
        click.echo(f"{out} is complete already: nothing to do")
