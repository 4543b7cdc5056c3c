from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import DatasetError, SplitError
from oodml_bench.features import open_features
from oodml_bench.splits.benchmark import Level, Provenance, level_of
from oodml_bench.training.material import Material
from oodml_bench.training.samples import Samples, read_feature_rows
from tests.splits.benchmarks import write_arrays
from tests.training.training_samples import picture_benchmark, picture_dataset


def provenance(fingerprint: str | None) -> Provenance:
    return Provenance("0", fingerprint, {}, {})


@given(st.permutations([f"class {number:02}" for number in range(6)]))
def test_labels_follow_the_sorted_classes_whatever_order_they_are_listed_in(names: list[str]) -> None:
    dataset = picture_dataset()
    samples = Samples.of(dataset)
    made = samples.set_of(names[:4])
    assert made.classes == tuple(sorted(names[:4]))
    assert len(made.rows) == len(set(made.rows.tolist())) == 4 * 6
    for row, label in zip(made.rows, made.labels, strict=True):
        assert samples.names[row] in dataset.samples[made.classes[label]]


def test_features_and_dataset_give_samples_alike(tmp_path: Path) -> None:
    features = open_features(write_arrays(tmp_path / "f.npz", count=5, samples=3))
    samples = Samples.of(features)
    assert samples.fingerprint is None
    assert samples.names[:2] == ["class 00/00.jpg", "class 00/01.jpg"]
    assert {name: rows.tolist() for name, rows in samples.rows_of.items()} == {
        f"class 0{number}": [3 * number, 3 * number + 1, 3 * number + 2] for number in range(5)
    }
    with np.load(tmp_path / "f.npz") as arrays:
        np.testing.assert_array_equal(read_feature_rows(features), arrays["features"])


def test_the_dataset_of_the_benchmark_passes(pictures: Material) -> None:
    fitting = dataclasses.replace(pictures.benchmark, provenance=provenance(pictures.samples.fingerprint))
    for benchmark in (pictures.benchmark, fitting):
        pictures.samples.check(benchmark, benchmark.levels[1])


def test_another_fingerprint_is_refused_naming_both(pictures: Material) -> None:
    other = dataclasses.replace(pictures.benchmark, provenance=provenance("f" * 64))
    with pytest.raises(DatasetError) as caught:
        pictures.samples.check(other, other.levels[1])
    assert "f" * 64 in str(caught.value)
    assert str(pictures.samples.fingerprint) in str(caught.value)
    assert "build a benchmark of this one" in str(caught.value)


def test_features_of_unknown_origin_are_not_asked_for_a_fingerprint(features: Material) -> None:
    known = dataclasses.replace(features.benchmark, provenance=provenance("f" * 64))
    features.samples.check(known, known.levels[1])


def test_missing_classes_are_counted_and_named() -> None:
    samples = Samples.of(picture_dataset(classes=5))
    benchmark = picture_benchmark()
    with pytest.raises(DatasetError, match=r"lacks 7 of the 12 classes .*'class 05', .* and 2 more.* It has 5 classes"):
        samples.check(benchmark, benchmark.levels[1])


def with_episodes(level: Level, support: dict[str, tuple[str, ...]]) -> Level:
    return dataclasses.replace(level, test_episodes={2: {0: support}})


def test_missing_samples_of_episodes_are_counted_and_named(pictures: Material) -> None:
    level = pictures.benchmark.levels[1]
    own = sorted(pictures.samples.names_in_class("class 07"))
    pictures.samples.check(pictures.benchmark, with_episodes(level, {"class 07": tuple(own[:2])}))
    lacking = with_episodes(level, {"class 07": (own[0], "gone.png"), "class 08": ("lost.png",)})
    with pytest.raises(DatasetError, match=r"lacks 2 of the 3 samples.*'class 07/gone.png', 'class 08/lost.png'"):
        pictures.samples.check(pictures.benchmark, lacking)


def test_episodes_of_features_without_names_cannot_be_checked(tmp_path: Path) -> None:
    write_arrays(tmp_path / "f.npz", count=4, samples=3)
    with np.load(tmp_path / "f.npz") as arrays:
        np.savez(tmp_path / "nameless.npz", features=arrays["features"], classes=arrays["classes"])
    samples = Samples.of(open_features(tmp_path / "nameless.npz"))
    level = Level(("class 00", "class 01"), ("class 02", "class 03"), 1.0)
    samples.check(picture_benchmark(), with_episodes(level, {"class 02": ("anything",)}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"split_val": ("class 06", "class 07")},
            "2 classes are in its validation split, but no train classes: 'class 06'",
        ),
        ({"split_train": ("ghost",)}, "1 classes are in its validation split, but no train classes: 'ghost'"),
        ({"split_val": ("class 00", "class 05")}, "1 classes are on two sides of it: 'class 00'"),
        ({"test": ("class 05", "class 06")}, "1 classes are on two sides of it: 'class 05'"),
    ],
)
def test_no_weights_are_selected_by_what_they_are_scored_on(change: dict, reason: str) -> None:
    benchmark = picture_benchmark()
    level = dataclasses.replace(benchmark.levels[1], **change)
    with pytest.raises(SplitError, match=reason):
        Samples.of(picture_dataset()).check(benchmark, level)


def test_a_level_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SplitError, match="no level 7 in the benchmark pictures; it has 1, 2"):
        level_of(picture_benchmark(), 7)
