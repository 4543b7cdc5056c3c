from __future__ import annotations

from pathlib import Path

import pytest

from oodml_bench.errors import DatasetError
from oodml_bench.features import FeatureStore, class_means, open_features
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.extraction import extract
from tests.features.feature_samples import contents


def truncate(picture: Path) -> None:
    picture.write_bytes(picture.read_bytes()[:-200])


def overwrite(picture: Path) -> None:
    picture.write_text("not a picture")


def lead_nowhere(picture: Path) -> None:
    picture.unlink()
    picture.symlink_to("nowhere.png")


@pytest.mark.parametrize("breaking", [truncate, overwrite, lead_nowhere])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_image_stops_the_run_with_its_path_and_keeps_finished_parts(
    pictures: Path, tmp_path: Path, tiny: Backbone, breaking: object, workers: int
) -> None:
    breaking(pictures / "class 1" / "3.png")
    out = tmp_path / "out"
    with pytest.raises(
        DatasetError, match=r"image class 1/3.png of class class 1 cannot be read \(.+\).*--skip-broken"
    ):
        extract(f"folder:{pictures}", out, backbone=tiny, workers=workers, part_size=6)
    assert sorted(contents(out)) == ["meta.json", "part-00000.parquet"]
    done = extract(f"folder:{pictures}", out, backbone=tiny, workers=workers, part_size=6, skip_broken=True)
    assert done.computed == 13
    assert done.skipped == ("class 1/3.png",)


def test_skipped_images_are_listed_and_left_out(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    out = tmp_path / "out"
    for sample in ("class 0/0.png", "class 0/1.png", "class 3/4.png"):
        overwrite(pictures / sample)
    done = extract(f"folder:{pictures}", out, backbone=tiny, workers=0, part_size=2, skip_broken=True)
    assert done.skipped == ("class 0/0.png", "class 0/1.png", "class 3/4.png")
    assert done.store.meta.skipped == list(done.skipped)
    samples = [sample for batch in FeatureStore.open(out).batches() for sample in batch["sample"].to_pylist()]
    assert len(samples) == 17 == open_features(out).row_count
    assert not set(samples) & set(done.skipped)
    assert class_means(open_features(out)).counts.tolist() == [3, 5, 5, 4]
    again = extract(f"folder:{pictures}", out, backbone=tiny, workers=0, part_size=2)
    assert (again.computed, again.skipped) == (0, done.skipped)


def test_a_class_of_broken_images_alone_is_never_dropped(pictures: Path, tmp_path: Path, tiny: Backbone) -> None:
    for picture in (pictures / "class 2").iterdir():
        overwrite(picture)
    for _ in range(2):
        with pytest.raises(DatasetError, match="no image of class 'class 2' can be read"):
            extract(f"folder:{pictures}", tmp_path / "out", backbone=tiny, workers=0, skip_broken=True)
