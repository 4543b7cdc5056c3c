"""Planted leaks are found where they were planted, and nothing is found where nothing was."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from oodml_bench.datasets import dataset_from_arrays
from oodml_bench.errors import SplitError
from oodml_bench.features import features_from_arrays
from oodml_bench.splits import Benchmark, Level
from oodml_bench.splits.audit import Apart, Item, LevelSides, audit, auditing, confirming
from oodml_bench.splits.audit.findings import BOUNDARIES, CONFIRMED, KINDS
from tests.splits.audit.planted import BENCHMARK, CLASSES, features_of, photos_of, write_photos

ACROSS = (Apart(1, "train/test", ("train", "test")),)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def photos(clean, tmp_path):
    return shutil.copytree(clean, tmp_path / "photos")


def audited(folder, benchmark=BENCHMARK, *, images=True):
    dataset = photos_of(folder)
    return audit(benchmark, features_of(dataset), dataset=dataset if images else None)


def test_nothing_is_found_where_nothing_was_planted(clean):
    for images in (True, False):
        found = audited(clean, images=images)
        assert found.findings == ()
        assert found.notes == ()
        assert found.leaks(1) == found.leaks(2) == 0
        assert found.unseen == (0 if images else None)


def copied(source, target):
    shutil.copy(source, target.with_suffix(".png"))


def saved_without_loss(source, target):
    Image.open(source).save(target.with_suffix(".bmp"))


def saved_as_jpeg(source, target):
    Image.open(source).save(target.with_suffix(".jpg"), quality=60)


def made_smaller(source, target):
    Image.open(source).resize((48, 48), Image.Resampling.BICUBIC).save(target.with_suffix(".png"))


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (copied, "identical files"),
        (saved_without_loss, "identical pixels"),
        (saved_as_jpeg, "near-identical"),
        (made_smaller, "near-identical"),
    ],
)
def test_a_train_picture_in_a_test_class_is_found(photos, plant, kind):
    plant(photos / "c0" / "2.png", photos / "c4" / "planted")
    (finding,) = audited(photos).findings
    assert (finding.kind, finding.first, finding.second.class_name) == (kind, Item("c0", "2.png"), "c4")
    assert finding.second.sample.startswith("planted.")
    # At level 2 both classes are train classes.
    assert finding.apart == ACROSS
    assert finding.similarity > 0.99
    assert finding.is_leak


def test_a_picture_of_training_among_those_of_validation_is_found(photos):
    copied(photos / "c3" / "1.png", photos / "c1" / "planted")
    (finding,) = audited(photos).findings
    assert finding.apart == (
        Apart(1, "train/validation", ("train", "validation")),
        Apart(2, "train/test", ("train", "test")),
    )
    assert finding.first == Item("c1", "planted.png")


@pytest.mark.parametrize("plant", [copied, saved_as_jpeg])
def test_a_support_picture_among_the_queries_of_its_class_is_found(photos, plant):
    plant(photos / "c4" / "0.png", photos / "c4" / "planted")
    (finding,) = audited(photos).findings
    assert finding.apart == (Apart(1, "support/query", ("support", "query"), 1),)
    assert finding.is_leak


def test_copies_that_are_nowhere_apart_are_no_leak(photos):
    copied(photos / "c4" / "3.png", photos / "c4" / "a")
    copied(photos / "c0" / "3.png", photos / "c1" / "b")
    found = audited(photos)
    assert [finding.kind for finding in found.findings] == ["identical files"] * 2
    assert not any(finding.is_leak for finding in found.findings)
    assert found.leaks(1) == found.leaks(2) == 0


def test_a_near_copy_on_the_same_side_is_not_told_of(photos):
    saved_as_jpeg(photos / "c0" / "3.png", photos / "c1" / "b")
    assert audited(photos).findings == ()


def test_without_pictures_nothing_is_confirmed(photos):
    copied(photos / "c0" / "2.png", photos / "c4" / "planted")
    found = audited(photos, images=False)
    (finding,) = found.findings
    assert (finding.kind, finding.apart, finding.similarity) == ("unconfirmed", ACROSS, 1.0)
    assert found.count(1, "unconfirmed", "train/test") == 1
    assert found.leaks(1) == 0


def test_similar_features_of_different_pictures_are_refuted(photos):
    dataset = photos_of(photos)
    features = features_of(dataset)
    (batch,) = features.batches()
    names = batch["sample"].to_pylist()
    matrix = np.stack(batch["feature"].to_numpy(zero_copy_only=False))
    matrix[names.index("c4/1.png")] = matrix[names.index("c0/1.png")]
    changed = features_from_arrays(matrix, np.array(batch["class"].to_pylist()), samples=np.array(names))
    assert len(audit(BENCHMARK, changed).findings) == 1
    assert audit(BENCHMARK, changed, dataset=dataset).findings == ()


def test_a_picture_that_is_gone_leaves_its_pair_unconfirmed(photos):
    copied(photos / "c0" / "2.png", photos / "c4" / "planted")
    features = features_of(photos_of(photos))
    (photos / "c4" / "planted.png").unlink()
    found = audit(BENCHMARK, features, dataset=photos_of(photos))
    assert [finding.kind for finding in found.findings] == ["unconfirmed"]
    assert found.unseen == 1
    assert "1 sample" in found.notes[-1]


def test_a_picture_that_is_broken_leaves_its_pair_unconfirmed(photos):
    copied(photos / "c0" / "2.png", photos / "c4" / "planted")
    dataset = photos_of(photos)
    features = features_of(dataset)
    (photos / "c4" / "planted.png").write_bytes(b"no picture")
    found = audit(BENCHMARK, features, dataset=dataset)
    assert [finding.kind for finding in found.findings] == ["unconfirmed"]
    assert found.unseen == 1


def test_counts_are_those_of_the_findings(photos):
    copied(photos / "c0" / "0.png", photos / "c4" / "a")
    saved_as_jpeg(photos / "c1" / "0.png", photos / "c5" / "b")
    copied(photos / "c2" / "0.png", photos / "c3" / "c")
    copied(photos / "c6" / "0.png", photos / "c6" / "d")
    found = audited(photos)
    for level in BENCHMARK.levels:
        for boundary in BOUNDARIES:
            for kind in KINDS:
                expected = sum(
                    finding.kind == kind
                    and any(place.level == level and place.boundary == boundary for place in finding.apart)
                    for finding in found.findings
                )
                assert found.count(level, kind, boundary) == expected
    assert [found.leaks(1, boundary) for boundary in BOUNDARIES] == [2, 1, 1]
    assert found.leaks(1) == 4
    assert found.leaks(2) == 0
    assert found.as_dict()["levels"]["1"]["leaks"] == 4
    # Train and test first, then the kind.
    assert [finding.first.class_name for finding in found.findings] == ["c0", "c1", "c2", "c6"]


def test_two_classes_with_the_same_pictures_are_told_of_as_such(photos):
    for sample in range(3):
        copied(photos / "c0" / f"{sample}.png", photos / "c4" / f"planted {sample}")
    (photos / "c4" / "3.png").unlink()
    (photos / "c4" / "4.png").unlink()
    found = audited(photos)
    # Three of five are most of both.
    assert (found.findings[0].kind, found.findings[0].first, found.findings[0].second) == (
        "same pictures",
        Item("c0"),
        Item("c4"),
    )
    assert found.findings[0].similarity == 0.6
    assert found.by_classes()[1] == (found.findings[1], 2)
    # Its pairs are counted, it is not.
    assert found.leaks(1) == 3


def test_classes_whose_means_coincide_are_twins(photos):
    features = features_of(photos_of(photos))
    (batch,) = features.batches()
    classes = np.array(batch["class"].to_pylist())
    matrix = np.stack(batch["feature"].to_numpy(zero_copy_only=False)).astype(np.float64)
    matrix[classes == "c4"] += matrix[classes == "c0"].mean(axis=0) - matrix[classes == "c4"].mean(axis=0)
    matrix[classes == "c1"] += matrix[classes == "c0"].mean(axis=0) - matrix[classes == "c1"].mean(axis=0)
    found = audit(BENCHMARK, features_from_arrays(matrix, classes))
    assert {(finding.kind, finding.first.label, finding.second.label) for finding in found.findings} == {
        ("twin classes", "c0", "c4"),
        ("twin classes", "c1", "c4"),
    }
    assert all(finding.apart == ACROSS and finding.similarity == 1.0 for finding in found.findings)
    assert "name no samples" in found.notes[0]


def test_the_sides_of_a_level(photos):
    (photos / "c4" / "4.png").unlink()
    dataset = replace(photos_of(photos), superclasses={name: f"s{int(name[1]) % 4 // 3}" for name in CLASSES})
    rows = features_of(dataset)
    (batch,) = rows.batches()
    above = np.array([dataset.superclasses[name] for name in batch["class"].to_pylist()])
    path = photos / "f.npz"
    np.savez(
        path,
        features=np.stack(batch["feature"].to_numpy(zero_copy_only=False)),
        classes=np.array(batch["class"].to_pylist()),
        superclasses=above,
    )
    found = audit(BENCHMARK, path)
    # c3 and c7 are of superclass s1, the others of s0.
    assert found.levels[1] == LevelSides(2, 2, (5.0, 5.0), (5.0, 4.75), 19 / 39)
    assert found.levels[2] == LevelSides(2, 1, (5.0, 5.0), (4.75, 5.0), 20 / 39)


def test_more_pairs_than_are_kept_are_told_of(photos, monkeypatch):
    for sample in range(4):
        copied(photos / "c0" / f"{sample}.png", photos / "c4" / f"planted {sample}")
    monkeypatch.setattr(auditing, "MOST", 2)
    found = audited(photos)
    assert len([finding for finding in found.findings if finding.kind == "identical files"]) == 2
    assert any("2 more pairs of identical files are not listed" in note for note in found.notes)
    assert any("More than 2 pairs of samples of two classes" in note for note in found.notes)


def test_names_of_samples_may_be_those_inside_the_class(photos):
    """Array features name samples by path or by file name: both are the same sample."""
    copied(photos / "c0" / "2.png", photos / "c4" / "planted")
    dataset = photos_of(photos)
    (batch,) = features_of(dataset).batches()
    names = np.array([name.rpartition("/")[2] for name in batch["sample"].to_pylist()])
    matrix = np.stack(batch["feature"].to_numpy(zero_copy_only=False))
    short = features_from_arrays(matrix, np.array(batch["class"].to_pylist()), samples=names)
    assert audit(BENCHMARK, short, dataset=dataset).findings == audited(photos).findings


def test_features_without_classes_of_the_benchmark_are_refused():
    features = features_from_arrays(np.eye(3), np.array(["c0", "c1", "x"]))
    with pytest.raises(SplitError, match="the features lack 6 classes of the benchmark planted, among them 'c2'"):
        audit(BENCHMARK, features)


def test_without_comparing_samples_files_still_are(photos):
    copied(photos / "c0" / "2.png", photos / "c4" / "a")
    saved_as_jpeg(photos / "c1" / "2.png", photos / "c5" / "b")
    dataset = photos_of(photos)
    found = audit(BENCHMARK, features_of(dataset), dataset=dataset, compare_samples=False)
    assert [finding.kind for finding in found.findings] == ["identical files"]
    assert "were not compared" in found.notes[0]


def test_identical_files_of_a_class_outside_the_benchmark(photos):
    level = BENCHMARK.levels[1]
    smaller = Benchmark("smaller", {1: Level(train=level.train, test=level.test[1:], fid=1.0)})
    copied(photos / "c0" / "2.png", photos / "c4" / "planted")
    (finding,) = audited(photos, smaller).findings
    assert (finding.kind, finding.apart) == ("identical files", ())


def test_thresholds_are_in_order():
    assert auditing.COMPARED_FROM <= confirming.UNCONFIRMED_FROM
    assert set(CONFIRMED) < set(KINDS)


def test_pictures_in_arrays_can_be_compared():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (16, 20, 20, 3), dtype=np.uint8)
    labels = np.repeat(CLASSES, 2)
    pictures[9] = pictures[0]
    dataset = dataset_from_arrays("planted", pictures, labels)
    (finding,) = audit(BENCHMARK, features_of(dataset), dataset=dataset).findings
    assert (finding.kind, finding.apart) == ("identical files", ACROSS)
