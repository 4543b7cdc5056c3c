"""Photo-like pictures in folders, features of them, and a benchmark of their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.features import Features, features_from_arrays
from oodml_bench.splits import Benchmark, Level

CLASSES = tuple(f"c{number}" for number in range(8))

#: Level 1: c3 is validated on, c0 and c4 are apart. Level 2: they are not.
BENCHMARK = Benchmark(
    "planted",
    {
        1: Level(
            train=CLASSES[:4],
            test=CLASSES[4:],
            fid=1.0,
            split_train=CLASSES[:3],
            split_val=CLASSES[3:4],
            test_episodes={1: {0: dict.fromkeys(CLASSES[4:], ("0.png",)), 1: dict.fromkeys(CLASSES[4:], ("1.png",))}},
        ),
        2: Level(train=("c0", "c1", "c4", "c5"), test=("c2", "c3", "c6", "c7"), fid=2.0),
    },
)


def write_photos(folder: Path, *, samples: int = 5) -> Path:
    """Write pictures with detail at every scale that copies keep, no two alike, one folder a class."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for sample in range(samples):
            coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
            coarse.resize((96, 96), Image.Resampling.BICUBIC).save(folder / name / f"{sample}.png")
    return folder


def photos_of(folder: Path) -> Dataset:
    return open_dataset(f"folder:{folder}")


def features_of(dataset: Dataset, *, side: int = 12) -> Features:
    """Take the pixels of small copies for features."""
    rows = [(name, sample) for name in dataset.classes for sample in dataset.samples[name]]
    pixels = [
        np.asarray(dataset.images.open(sample).resize((side, side), Image.Resampling.BOX), np.float32).ravel()
        for _, sample in rows
    ]
    return features_from_arrays(
        np.stack(pixels), np.array([name for name, _ in rows]), samples=np.array([sample for _, sample in rows])
    )
