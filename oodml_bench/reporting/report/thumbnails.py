"""Small pictures of classes and of samples, inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from PIL import Image, ImageOps

from oodml_bench.datasets import Dataset
from oodml_bench.progress import progress_of

#: Pixels of a side, and most pictures on a page: some 2 kB each.
SIDE, MOST = 64, 2000


def thumbnails(dataset: Dataset, classes: Iterable[str], *, progress: bool = False) -> dict[str, str]:
    """Give the first readable picture of each class as a data URI; of those that the dataset has, and of `MOST`."""
    wanted = [name for name in classes if name in dataset.samples][:MOST]
    found: dict[str, str] = {}
    with progress_of("Thumbnails", len(wanted), shown=progress) as advance:
        for name in wanted:
            if (uri := class_thumbnail(dataset, name)) is not None:
                found[name] = uri
            advance(1)
    return found


def class_thumbnail(dataset: Dataset, name: str) -> str | None:
    """Give the first readable picture of a class as a data URI; None where there is none."""
    found = (thumbnail(dataset, sample) for sample in dataset.samples.get(name, ())[:3])
    return next((uri for uri in found if uri is not None), None)


def thumbnail(dataset: Dataset, sample: str) -> str | None:
    """Give the picture of a sample as a data URI; None where it cannot be read."""
    try:
        return _data_uri(dataset.images.open(sample))
    except OSError:
        return None


def _data_uri(picture: Image.Image) -> str:
    small = ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=72, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
