import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.datasets.names import name_in_class

PARTS = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("class_name", "sample", "expected"),
    [
        ("cat", "cat/1.jpg", "1.jpg"),
        ("cat", "images/cat/1.jpg", "1.jpg"),
        ("cat", "cat/front/1.jpg", "front/1.jpg"),
        ("cat", "bobcat/1.jpg", "1.jpg"),
        ("cat", "bobcat/cat/1.jpg", "1.jpg"),
        ("pets/cat", "pets/cat/1.jpg", "1.jpg"),
        ("111085122871", "images/bicycle_final/111085122871_0.JPG", "111085122871_0.JPG"),
        ("7", "00007", "00007"),
    ],
)
def test_the_name_is_what_follows_the_folder_of_the_class(class_name: str, sample: str, expected: str) -> None:
    assert name_in_class(class_name, sample) == expected


@given(class_name=PARTS, inside=st.lists(PARTS, min_size=1).map("/".join))
def test_the_class_folder_is_cut_off_once(class_name: str, inside: str) -> None:
    assert name_in_class(class_name, f"{class_name}/{inside}") == inside


@given(class_name=PARTS, sample=st.lists(PARTS, min_size=1).map("/".join))
def test_the_name_is_an_end_of_the_path(class_name: str, sample: str) -> None:
    assert sample.endswith(name_in_class(class_name, sample))
