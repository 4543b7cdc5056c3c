import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from oodml_bench.datasets import Dataset
from oodml_bench.errors import DatasetError


class NamedContent:
    """An image source whose digests depend on a salt and the sample's name."""

    def __init__(self, salt: str = "") -> None:
        self.salt = salt

    def open(self, sample: str) -> Image.Image:  # noqa: ARG002
        return Image.new("RGB", (2, 2))

    def digest(self, sample: str) -> bytes:
        return hashlib.sha256((self.salt + sample).encode()).digest()


SAMPLES = {"b": ("b/1",), "a": ("a/1", "a/2")}


def dataset(samples: Any = SAMPLES, salt: str = "", **rest: Any) -> Dataset:
    return Dataset(name="toy", samples=samples, images=NamedContent(salt), **rest)


def test_classes_are_sorted_and_samples_counted() -> None:
    assert dataset().classes == ("a", "b")
    assert dataset().sample_count == 3


def test_the_fingerprint_does_not_depend_on_order() -> None:
    assert dataset().fingerprint == dataset({"a": ("a/2", "a/1"), "b": ("b/1",)}).fingerprint


@pytest.mark.parametrize(
    "other",
    [
        dataset({"b": ("b/1",), "a": ("a/1", "a/3")}),
        dataset({"c": ("b/1",), "a": ("a/1", "a/2")}),
        dataset({"b": ("b/1", "a/1"), "a": ("a/2",)}),
        dataset({"b": ("b/1",), "a": ("a/1",)}),
        dataset(salt="other content"),
        dataset(superclasses={"a": "x", "b": "x"}),
    ],
    ids=["sample name", "class name", "class of a sample", "missing sample", "content", "superclass"],
)
def test_the_fingerprint_changes(other: Dataset) -> None:
    assert other.fingerprint != dataset().fingerprint


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.sets(st.text("abc/"), min_size=1), min_size=1)
)
def test_any_name_that_is_utf8_is_allowed(samples: dict[str, set[str]]) -> None:
    ordered = {name: tuple(sorted(found)) for name, found in samples.items()}
    assert len(dataset(ordered).fingerprint) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": {}}, "no class"),
        ({"samples": {"a": ()}}, "no image in class 'a'"),
        ({"samples": {"a\udce9": ("x",)}}, "not valid UTF-8"),
        ({"samples": {"a": ("x\udce9",)}}, "not valid UTF-8"),
        ({"superclasses": {"a": "x"}}, "some classes have a superclass"),
        ({"default_halves": (("a", "b"), ("b",))}, "both sides"),
        ({"default_halves": (("a",), ("z",))}, "unknown classes: 'z'"),
    ],
)
def test_what_is_no_dataset_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        dataset(**arguments)
