"""What the tests of extraction on a cluster work on; of a module, so that the cluster's processes find it."""

from __future__ import annotations

import dataclasses
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from oodml_bench.datasets import Dataset, ImageSource, open_dataset

#: Many parts, of several batches each, and quick.
SIZES: dict[str, Any] = {"backbone": "efficientnet_lite0", "image_size": 32, "part_size": 40}


@dataclass(frozen=True)
class SlowImages:
    """Opens pictures slowly, so that a kill falls into the middle; the same pictures, and the same fingerprint."""

    images: ImageSource
    seconds: float

    def open(self, sample: str) -> Image.Image:
        time.sleep(self.seconds)
        return self.images.open(sample)

    def digest(self, sample: str) -> bytes:
        return self.images.digest(sample)


def slow_glyphs(count: int, seconds: float) -> Dataset:
    dataset = open_dataset(f"glyphs:{count}")
    return dataclasses.replace(dataset, images=SlowImages(dataset.images, seconds))


def parts_in(folder: Path) -> set[Path]:
    return set(folder.glob("part-*.parquet"))


def main() -> None:
    """Extract slowly by a cluster, for a test that kills this process: `python -m … ADDRESS COUNT OUT`."""
    from oodml_bench.scale import extract_on_ray

    address, count, out = sys.argv[1:]
    extract_on_ray(slow_glyphs(int(count), 0.05), out, address=address, **SIZES)


if __name__ == "__main__":
    main()
