from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.errors import DatasetError
from oodml_bench.scale.shared_images import SharedImages
from tests.features.feature_samples import write_pictures


@pytest.fixture(autouse=True)
def _folder_stays() -> Iterator[None]:
    before = Path.cwd()
    yield
    os.chdir(before)


def test_relative_paths_lead_to_the_same_files_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset("folder:pictures")
    sent = pickle.dumps(SharedImages.of(dataset))
    monkeypatch.chdir("/")
    images = pickle.loads(sent).here()
    assert images.open("class 0/0.png").size == (24, 24)


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_machine_that_sees_other_images_refuses_instead_of_taking_them_for_broken(
    tmp_path: Path, change: str
) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    shared = SharedImages.of(open_dataset(f"folder:{pictures}"))
    if change == "gone":
        pictures.rename(tmp_path / "elsewhere")
    else:
        (pictures / "class 0" / "0.png").write_bytes((pictures / "class 0" / "1.png").read_bytes())
    with pytest.raises(DatasetError, match=r"class 0/0.png cannot be read on the machine .* under the same path"):
        shared.here()


def test_the_check_is_made_with_a_sample_that_can_be_read(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures")
    (pictures / "class 0" / "0.png").unlink()
    (pictures / "class 0" / "0.png").symlink_to("nowhere.png")
    shared = SharedImages.of(open_dataset(f"folder:{pictures}"))
    assert shared.sample == "class 0/1.png"
    shared.here()
