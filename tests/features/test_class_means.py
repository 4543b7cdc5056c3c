from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from oodml_bench.errors import FeatureError
from oodml_bench.features import Features, class_means, open_features
from oodml_bench.features.store_writing import Rows
from tests.features.feature_samples import write_store

FLOATS = st.floats(-1e6, 1e6, width=32)


@st.composite
def labelled_rows(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    """Rows of few classes in any order, with 1 to 4 values each."""
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 4)))
    classes = draw(st.lists(st.sampled_from("zaMö1"), min_size=shape[0], max_size=shape[0]))
    return draw(arrays_of.arrays(np.float32, shape, elements=FLOATS)), classes


def of_batches(*batches: dict[str, list[object]]) -> Features:
    """Features that come in the given batches."""
    columns = {
        "sample": pa.string(),
        "class": pa.string(),
        "superclass": pa.string(),
        "feature": pa.list_(pa.float32(), 2),
    }
    schema = pa.schema(list(columns.items()))
    rows = sum(len(batch["class"]) for batch in batches)

    def read(columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            whole = pa.RecordBatch.from_pydict(batch, schema)
            yield whole if columns is None else whole.select(columns)

    return Features("given", {}, None, None, rows, read)


def rows_of(classes: str, samples: str, *, superclasses: list[str | None] | None = None) -> dict[str, list[object]]:
    count = len(classes)
    return {
        "sample": list(samples),
        "class": list(classes),
        "superclass": superclasses or [None] * count,
        "feature": [[row, 1] for row in range(count)],
    }


@settings(max_examples=60, deadline=None)
@given(labelled_rows())
def test_means_are_the_plain_means(rows: tuple[np.ndarray, list[str]]) -> None:
    features, classes = rows
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "a.npz", features=features, classes=classes)
        means = class_means(open_features(Path(folder) / "a.npz"))
    assert means.classes == tuple(sorted(set(classes)))
    is_narrow = features.dtype == np.float32 and len(set(classes)) == len(classes)
    assert means.means.dtype == (np.float32 if is_narrow else np.float64)
    assert means.counts.sum() == len(classes)
    for name, mean, count in zip(means.classes, means.means, means.counts, strict=True):
        own = features[np.array(classes) == name].astype(np.float64)
        assert count == len(own)
        np.testing.assert_allclose(mean, own.mean(axis=0), rtol=1e-12, atol=1e-9)
    assert means.samples == dict.fromkeys(means.classes, ())
    assert means.superclasses == {}


@settings(max_examples=25, deadline=None)
@given(labelled_rows(), st.integers(1, 41), st.integers(1, 41))
def test_the_cut_into_parts_changes_no_bit(rows: tuple[np.ndarray, list[str]], part_size: int, other_size: int) -> None:
    features, classes = rows
    given_rows = Rows([f"{row}" for row in range(len(classes))], classes, [None] * len(classes), features)
    with tempfile.TemporaryDirectory() as folder:
        for size in {part_size, other_size}:
            write_store(Path(folder) / str(size), given_rows, part_size=size)
        one, other = (class_means(open_features(Path(folder) / str(size))) for size in (part_size, other_size))
    assert one.sha256 == other.sha256
    assert one.samples == other.samples
    np.testing.assert_array_equal(one.means, other.means)


def test_the_digest_knows_every_class_sample_and_value() -> None:
    reference = rows_of("aab", "xyx")
    variants = [
        reference,
        reference | {"class": list("abb")},
        reference | {"sample": list("xzx")},
        reference | {"sample": [None] * 3},
        reference | {"feature": [[0, 1], [1, 1], [2, 2]]},
        rows_of("aabb", "xyxz"),
    ]
    assert len({class_means(of_batches(variant)).sha256 for variant in variants}) == len(variants)


def test_samples_and_superclasses_of_each_class_are_given() -> None:
    first = rows_of("bb", "zy", superclasses=["s", "s"])
    second = rows_of("ab", "xx", superclasses=["t", "s"])
    means = class_means(of_batches(first, second))
    assert means.samples == {"a": ("x",), "b": ("x", "y", "z")}
    assert means.superclasses == {"a": "t", "b": "s"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_row_a_class_is_kept_as_it_is(tmp_path: Path, dtype: type[np.floating]) -> None:
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype)
    np.savez(tmp_path / "a.npz", features=features, classes=np.array(list("gfedcba")))
    means = class_means(open_features(tmp_path / "a.npz"))
    assert means.means.dtype == dtype
    np.testing.assert_array_equal(means.means, features[::-1])


def test_many_classes_in_many_batches() -> None:
    batches = [
        {"sample": [f"{n}"], "class": [f"{n % 200}"], "superclass": [None], "feature": [[n, n // 200]]}
        for n in range(400)
    ]
    means = class_means(of_batches(*batches))
    assert len(means.classes) == 200
    for name, mean, count in zip(means.classes, means.means, means.counts, strict=True):
        assert (mean.tolist(), count) == ([int(name) + 100, 0.5], 2)


@pytest.mark.parametrize("cut", [False, True])
def test_contradicting_rows_are_refused(cut: bool) -> None:
    def means_of(samples: str, superclasses: list[str | None]) -> None:
        rows = rows_of("aba", samples, superclasses=superclasses)
        parts = [
            {name: column[:2] for name, column in rows.items()},
            {name: column[2:] for name, column in rows.items()},
        ]
        class_means(of_batches(*parts) if cut else of_batches(rows))

    with pytest.raises(FeatureError, match="class a has two superclasses: s and t"):
        means_of("xyz", ["s", "s", "t"])
    with pytest.raises(FeatureError, match="class a has two superclasses: None and t"):
        means_of("xyz", [None, None, "t"])
    with pytest.raises(FeatureError, match="class a has two samples of the name x"):
        means_of("xyx", [None] * 3)
    means_of("xxz", [None] * 3)  # the same name in two classes is fine


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused_by_class_and_sample(value: float) -> None:
    rows = rows_of("aab", "xyz")
    rows["feature"][1] = [0, value]
    with pytest.raises(FeatureError, match="sample y of class a is not finite"):
        class_means(of_batches(rows))


def test_no_rows_are_refused() -> None:
    with pytest.raises(FeatureError, match="hold no row"):
        class_means(of_batches(rows_of("", "")))
