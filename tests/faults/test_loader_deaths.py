"""Loader processes that die: an error that says so, and the same call goes on."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from oodml_bench.datasets import Dataset, ImageSource, open_dataset
from oodml_bench.errors import LoaderError
from oodml_bench.features.extraction import extract
from oodml_bench.training.material import Material
from oodml_bench.training.running import train_run
from tests.faults.outcomes import outcome
from tests.features.feature_samples import tiny_backbone, write_pictures
from tests.training.training_samples import NETWORK, picture_benchmark, picture_dataset, recipe, small_backbone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills itself as Linux does when memory is full")


@dataclass(frozen=True)
class DeadlyImages:
    """Kills the loader process that opens a sample, once the countdown in a file is over, and then no more."""

    images: ImageSource
    countdown: Path
    main_process: int

    def open(self, sample: str) -> Image.Image:
        left = int(self.countdown.read_text())
        self.countdown.write_text(str(left - 1))
        if left == 0:
            assert os.getpid() != self.main_process
            os.kill(os.getpid(), signal.SIGKILL)
        return self.images.open(sample)

    def digest(self, sample: str) -> bytes:
        return self.images.digest(sample)


def deadly(dataset: Dataset, folder: Path, *, after: int) -> Dataset:
    countdown = folder / "countdown"
    countdown.write_text(str(after))
    return dataclasses.replace(dataset, images=DeadlyImages(dataset.images, countdown, os.getpid()))


def test_an_extraction_whose_loader_dies_says_so_and_goes_on(tmp_path: Path) -> None:
    dataset = open_dataset(f"folder:{write_pictures(tmp_path / 'pictures')}")
    options = {"backbone": tiny_backbone(), "part_size": 2, "batch_size": 2, "workers": 1}
    extract(dataset, tmp_path / "whole", **options)
    dying = deadly(dataset, tmp_path, after=11)
    with pytest.raises(LoaderError, match=r"loads pictures died.*same command again.*--workers") as refusal:
        extract(dying, tmp_path / "out", **options)
    assert refusal.value.exit_code == 1
    assert (tmp_path / "out" / "part-00000.parquet").exists()
    extract(dying, tmp_path / "out", **options)
    assert outcome(tmp_path / "out") == outcome(tmp_path / "whole")


def test_a_training_whose_loader_dies_says_so_and_goes_on(tmp_path: Path) -> None:
    made = recipe(NETWORK, training={"epochs": 4})
    options = {"level": 1, "recipe": made, "seed": 0, "device": "cpu", "workers": 1, "metrics": ["recall@1"]}

    def train(dataset: Dataset, out: Path) -> None:
        train_run(Material.open(picture_benchmark(), dataset), out=out, backbone=small_backbone(), **options)

    train(picture_dataset(), tmp_path / "whole")
    # In the third epoch of 24 pictures: the loader is some batches ahead.
    dying = deadly(picture_dataset(), tmp_path, after=65)
    with pytest.raises(LoaderError, match="loads pictures died"):
        train(dying, tmp_path / "out")
    assert (tmp_path / "out" / "checkpoint.pt").exists()
    train(dying, tmp_path / "out")
    assert outcome(tmp_path / "out") == outcome(tmp_path / "whole")
