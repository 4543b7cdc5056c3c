import pickle
import unicodedata
from collections import Counter

import numpy as np
import pytest

from oodml_bench.datasets import Dataset, open_dataset
from oodml_bench.datasets.glyph_blocks import BLOCKS, block_of
from oodml_bench.datasets.glyph_faces import FACES, NO_CHARACTER, SIDE, picture_of
from oodml_bench.datasets.glyphs import read_glyphs, without_homoglyphs
from oodml_bench.errors import DatasetError


@pytest.fixture(scope="module")
def glyphs() -> Dataset:
    return open_dataset("glyphs")


@pytest.fixture(scope="module")
def with_homoglyphs() -> Dataset:
    return read_glyphs(drop_homoglyphs=False)


@pytest.fixture(scope="module")
def pictures(glyphs: Dataset) -> dict[str, np.ndarray]:
    """Every picture's grey values by sample."""
    return {
        sample: np.asarray(glyphs.images.open(sample).convert("L"))
        for samples in glyphs.samples.values()
        for sample in samples
    }


def test_there_are_16_faces_and_about_2300_classes(with_homoglyphs: Dataset) -> None:
    faces = Counter(sample.rpartition("/")[2] for samples in with_homoglyphs.samples.values() for sample in samples)
    assert set(faces) == {f"{face}.png" for face in FACES}
    assert len(FACES) == 16
    assert 2250 <= len(with_homoglyphs.classes) <= 2400
    assert 30_500 <= with_homoglyphs.sample_count <= 32_500


def test_the_note_counts_what_was_dropped(glyphs: Dataset, with_homoglyphs: Dataset) -> None:
    dropped = len(with_homoglyphs.classes) - len(glyphs.classes)
    assert 80 <= dropped <= 200
    assert glyphs.notes == (f"{dropped} characters were dropped that look like an earlier one.",)
    assert not with_homoglyphs.notes


def test_a_class_is_named_by_its_code_point_and_character(glyphs: Dataset) -> None:
    samples = glyphs.samples["U+0041 LATIN CAPITAL LETTER A"]
    assert samples == tuple(sorted(f"U+0041 LATIN CAPITAL LETTER A/{face}.png" for face in FACES))


def test_classes_are_letters_numbers_symbols_and_punctuation_in_at_least_12_faces(glyphs: Dataset) -> None:
    for class_name, samples in glyphs.samples.items():
        code, _, name = class_name.partition(" ")
        character = chr(int(code.removeprefix("U+"), 16))
        assert unicodedata.name(character) == name
        assert unicodedata.category(character)[0] in "LNSP"
        assert 12 <= len(samples) <= 16


def test_letters_that_look_alike_are_one_class(glyphs: Dataset, with_homoglyphs: Dataset) -> None:
    assert "U+0041 LATIN CAPITAL LETTER A" in glyphs.classes
    for later in ("U+0391 GREEK CAPITAL LETTER ALPHA", "U+0410 CYRILLIC CAPITAL LETTER A"):
        assert later not in glyphs.classes
        assert later in with_homoglyphs.classes


def test_no_two_classes_look_the_same_in_most_faces(pictures: dict[str, np.ndarray], glyphs: Dataset) -> None:
    drawing: dict[tuple[str, bytes], list[str]] = {}
    for sample, picture in pictures.items():
        class_name, _, face = sample.partition("/")
        drawing.setdefault((face, picture.tobytes()), []).append(class_name)
    alike = Counter(pair for names in drawing.values() for pair in ((a, b) for a in names for b in names if a < b))
    faces = {name: {sample.rpartition("/")[2] for sample in samples} for name, samples in glyphs.samples.items()}
    assert not [pair for pair, count in alike.items() if 2 * count > len(faces[pair[0]] & faces[pair[1]])]


def test_the_first_of_look_alikes_stays_and_what_was_dropped_drops_nothing() -> None:
    # 2 looks like 1 in two of three faces, 3 like 2 in two of three, but like 1 in one only.
    digests = {
        1: {"x": b"1", "y": b"1", "z": b"1"},
        2: {"x": b"1", "y": b"1", "z": b"2"},
        3: {"x": b"3", "y": b"1", "z": b"2"},
    }
    assert list(without_homoglyphs(digests)) == [1, 3]


def test_half_of_the_shared_faces_is_not_most() -> None:
    digests = {1: {"x": b"1", "y": b"1", "w": b"1"}, 2: {"x": b"1", "y": b"2", "z": b"2"}}
    assert list(without_homoglyphs(digests)) == [1, 2]


def test_no_picture_is_blank_clipped_or_the_missing_glyph(pictures: dict[str, np.ndarray]) -> None:
    boxes = {face: np.asarray(picture_of(NO_CHARACTER, face)).tobytes() for face in FACES}
    for sample, picture in pictures.items():
        assert picture.shape == (SIDE, SIDE)
        assert picture.min() < 128, sample
        frame = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (frame == 255).all(), sample
        assert picture.tobytes() != boxes[sample.rpartition("/")[2].removesuffix(".png")], sample


def test_pictures_are_rgb_and_the_same_each_time(glyphs: Dataset) -> None:
    sample = "U+00DF LATIN SMALL LETTER SHARP S/STIXGeneral.png"
    assert glyphs.images.open(sample).mode == "RGB"
    assert glyphs.images.digest(sample) == glyphs.images.digest(sample)
    assert pickle.loads(pickle.dumps(glyphs.images)).digest(sample) == glyphs.images.digest(sample)


def test_letters_of_a_face_stand_on_one_line() -> None:
    bottoms = {int(np.nonzero(np.asarray(picture_of(ord(letter), "DejaVuSans")) < 128)[0].max()) for letter in "HEFTlx"}
    assert len(bottoms) == 1


def test_a_subset_is_stratified_and_fixed(glyphs: Dataset) -> None:
    subset = open_dataset("glyphs:300")
    assert subset.name == "glyphs300"
    assert len(subset.classes) == 300
    assert subset.samples == open_dataset("glyphs:300").samples
    assert all(glyphs.samples[name] == samples for name, samples in subset.samples.items())
    whole, part = (Counter(dataset.superclasses.values()) for dataset in (glyphs, subset))
    for superclass, size in whole.items():
        assert abs(part[superclass] - size * 300 / len(glyphs.classes)) < 1


@pytest.mark.parametrize("count", [0, 3, 100_000])
def test_a_subset_of_an_impossible_size_is_refused(count: int) -> None:
    with pytest.raises(DatasetError, match=rf"glyphs:{count} asks for {count} classes, allowed are 4 to 2\d\d\d"):
        open_dataset(f"glyphs:{count}")


def test_every_class_has_a_readable_superclass(glyphs: Dataset) -> None:
    assert "Other" not in glyphs.superclasses.values()
    assert {"Latin", "Greek", "Cyrillic", "Armenian", "Box", "Arrows", "Mathematics"} <= set(
        glyphs.superclasses.values()
    )
    # One class alone is no superclass to speak of.
    assert min(Counter(glyphs.superclasses.values()).values()) > 1


def test_the_table_of_blocks_is_in_order() -> None:
    starts = [start for start, _ in BLOCKS]
    assert starts == sorted(set(starts))
    assert [block_of(ord(character)) for character in "A9é×Ωж→─฿"] == [
        "Latin", "Digits", "Latin", "Mathematics", "Greek", "Cyrillic", "Arrows", "Box", "Currency",
    ]  # fmt: skip


def test_homoglyphs_stay_where_that_is_asked_for(with_homoglyphs: Dataset) -> None:
    opened = open_dataset("glyphs+homoglyphs")
    assert opened.samples == with_homoglyphs.samples
    assert opened.name == "glyphs+homoglyphs"
    subset = open_dataset("glyphs+homoglyphs:20")
    assert (subset.name, len(subset.classes)) == ("glyphs+homoglyphs20", 20)
    with pytest.raises(DatasetError, match=r"glyphs\+homoglyphs:3 asks for 3 classes, allowed are 4 to 2\d\d\d"):
        open_dataset("glyphs+homoglyphs:3")
    with pytest.raises(DatasetError, match=r"Write glyphs\+homoglyphs or glyphs\+homoglyphs:N"):
        open_dataset("glyphs+homoglyphs:many")
