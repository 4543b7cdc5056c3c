"""Embeddings that somebody else made."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import EmbeddingError
from oodml_bench.evaluation import EmbeddingsFile, matched_to, read_embeddings

#: Two classes share a file name; the samples of the second do not lie in a folder of its name.
CLASSES = {"cat": ("images/cat/1.jpg", "images/cat/2.jpg"), "dog": ("images/pets/1.jpg", "images/pets/d.jpg")}
EMBEDDINGS = np.arange(8, dtype=np.float32).reshape(4, 2)
PATHS = tuple(sample for samples in CLASSES.values() for sample in samples)
BY_CLASS = ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/d.jpg")
INSIDE = ("1.jpg", "2.jpg", "1.jpg", "d.jpg")
OF = ("cat", "cat", "dog", "dog")


def write(path, samples, embeddings=EMBEDDINGS, classes=None):
    if path.suffix == ".npz":
        np.savez(
            path, samples=np.array(samples), embeddings=embeddings, **({} if classes is None else {"classes": classes})
        )
    else:
        columns = {"sample": list(samples), "embedding": list(embeddings)}
        pq.write_table(pa.table(columns | ({} if classes is None else {"class": list(classes)})), path)
    return path


@pytest.mark.parametrize("name", ["mine.parquet", "mine.npz"])
@pytest.mark.parametrize(
    ("samples", "classes"), [(PATHS, None), (BY_CLASS, None), (PATHS, OF), (BY_CLASS, OF), (INSIDE, OF)]
)
def test_samples_are_found_by_every_name_of_theirs(tmp_path, name, samples, classes):
    file = read_embeddings(write(tmp_path / name, samples, classes=classes))
    assert (file.samples, file.classes) == (samples, classes)
    assert file.embeddings.dtype == np.float32
    embeddings, labels = matched_to(CLASSES, file)
    assert (embeddings == EMBEDDINGS).all()
    assert labels.tolist() == [0, 0, 1, 1]
    assert labels.dtype == np.int64


@given(seed=st.integers(0, 999), extra=st.integers(0, 3))
def test_neither_the_order_of_the_file_nor_other_samples_matter(seed, extra):
    rng = np.random.default_rng(seed)
    names = [*BY_CLASS, *(f"bird/{number}.jpg" for number in range(extra))]
    # What is not asked for may be broken.
    embeddings = np.concatenate([EMBEDDINGS, np.full((extra, 2), np.nan, dtype=np.float32)])
    order = rng.permutation(len(names))
    file = EmbeddingsFile(tuple(names[place] for place in order), embeddings[order])
    assert (matched_to(CLASSES, file)[0] == EMBEDDINGS).all()
    assert matched_to({"dog": CLASSES["dog"][1:]}, file)[0].tolist() == [[6, 7]]


def test_names_inside_the_class_are_asked_for():
    classes = {"cat": ("1.jpg", "2.jpg"), "dog": ("1.jpg", "d.jpg")}
    for samples, of in ((BY_CLASS, None), (INSIDE, OF), (BY_CLASS, OF)):
        assert (matched_to(classes, EmbeddingsFile(samples, EMBEDDINGS, of))[0] == EMBEDDINGS).all()
    with pytest.raises(EmbeddingError, match=r"2 embeddings are of sample '1.jpg' of class 'cat'"):
        matched_to(classes, EmbeddingsFile(INSIDE, EMBEDDINGS))
    with pytest.raises(EmbeddingError, match=r"the name '1.jpg' stands for samples of several classes"):
        matched_to(classes, EmbeddingsFile(("1.jpg", "2.jpg", "d.jpg"), EMBEDDINGS[:3]))


def test_a_path_is_found_by_its_last_parts():
    rooted = EmbeddingsFile(tuple(f"data/{path}" for path in BY_CLASS), EMBEDDINGS)
    assert (matched_to({"cat": ("1.jpg", "2.jpg"), "dog": ("1.jpg", "d.jpg")}, rooted)[0] == EMBEDDINGS).all()
    # Online Products: the folder of a sample is not its class.
    products = EmbeddingsFile(("data/bicycle/17_0.JPG", "data/bicycle/18_0.JPG"), EMBEDDINGS[:2])
    assert (matched_to({"18": ("18_0.JPG",), "17": ("17_0.JPG",)}, products)[0] == EMBEDDINGS[[1, 0]]).all()
    # A sample of another class does not stand in for a missing one.
    with pytest.raises(EmbeddingError, match="1 of 2 samples have no embedding"):
        matched_to({"cat": ("1.jpg",), "cow": ("1.jpg",)}, rooted)


def test_the_same_sample_twice():
    for samples in ((*PATHS, PATHS[1]), (*PATHS, "cat/2.jpg")):
        file = EmbeddingsFile(samples, np.concatenate([EMBEDDINGS, EMBEDDINGS[:1]]))
        with pytest.raises(EmbeddingError, match=r"2 embeddings are of sample 'images/cat/2.jpg' of class 'cat'"):
            matched_to(CLASSES, file)


def test_missing_samples_are_counted_and_named():
    with pytest.raises(
        EmbeddingError, match=r"2 of 4 samples have no embedding, among them cat: images/cat/2.jpg, dog"
    ):
        matched_to(CLASSES, EmbeddingsFile((PATHS[0], PATHS[3]), EMBEDDINGS[:2]))
    # What is there is of another class.
    with pytest.raises(EmbeddingError, match="4 of 4 samples have no embedding"):
        matched_to(CLASSES, EmbeddingsFile(PATHS, EMBEDDINGS, ("dog", "dog", "cat", "cat")))


def test_numbers_that_are_not_finite_are_named():
    broken = EMBEDDINGS.copy()
    broken[2, 0] = np.inf
    with pytest.raises(EmbeddingError, match=r"1 embeddings are not finite .* 'dog/1.jpg'"):
        matched_to(CLASSES, EmbeddingsFile(BY_CLASS, broken))


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.large_list(pa.float16()), pa.list_(pa.float32(), 2), pa.list_(pa.int64())]
)
def test_every_list_of_numbers_in_parquet(tmp_path, kind):
    table = pa.table(
        {"sample": pa.array(PATHS).dictionary_encode(), "embedding": pa.array(list(EMBEDDINGS.tolist()), kind)}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    file = read_embeddings(tmp_path / "x.parquet")
    assert (file.embeddings == EMBEDDINGS).all()
    assert file.embeddings.dtype == np.float32
    assert file.samples == PATHS


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sample": ["a", "b"]}, "there are no embeddings in it"),
        ({"embedding": [[1.0], [2.0]]}, "there are no samples in it"),
        ({"sample": ["a", None], "embedding": [[1.0], [2.0]]}, "1 of them null"),
        ({"sample": [["a"], ["b", "c"]], "embedding": [[1.0], [2.0]]}, "names are list"),
        ({"sample": [1.5, 2.5], "embedding": [[1.0], [2.0]]}, "names are double"),
        ({"sample": ["a", "b"], "embedding": [[1.0], [2.0, 3.0]]}, "2 different lengths"),
        ({"sample": ["a", "b"], "embedding": [[1.0], None]}, "is null"),
        ({"sample": ["a", "b"], "embedding": [[1.0], [None]]}, "is null"),
        ({"sample": ["a", "b"], "embedding": [1.0, 2.0]}, "`embedding` holds double"),
        ({"sample": ["a", "b"], "embedding": [["x"], ["y"]]}, "dtype"),
        ({"sample": ["a", "b"], "embedding": pa.array([[], []], pa.list_(pa.float32()))}, r"shape \(2, 0\)"),
        ({"sample": pa.array([], pa.string()), "embedding": pa.array([], pa.list_(pa.float32()))}, "lengths"),
    ],
)  # fmt: skip
def test_malformed_parquet(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    with pytest.raises(EmbeddingError, match=message) as error:
        read_embeddings(tmp_path / "x.parquet")
    assert str(tmp_path / "x.parquet") in str(error.value)
    assert "Allowed: Parquet with columns" in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"samples": np.array(["a"])}, "there are no embeddings in it"),
        ({"embeddings": np.ones((1, 2))}, "there are no samples in it"),
        ({"samples": np.array(["a"]), "embeddings": np.ones((2, 2))}, r"the samples have shape \(1,\)"),
        ({"samples": np.array(["a", "b"]), "embeddings": np.ones(2)}, r"shape \(2,\)"),
        ({"samples": np.array(["a", "b"]), "embeddings": np.ones((2, 2), dtype=complex)}, "dtype complex128"),
        ({"samples": np.array([0.5, 1.5]), "embeddings": np.ones((2, 2))}, "dtype float64"),
        ({"samples": np.arange(2), "embeddings": np.ones((2, 2)), "classes": np.arange(3)}, "the classes have shape"),
        ({"samples": np.array(["a", None]), "embeddings": np.ones((2, 2))}, "cannot be read"),
    ],
)
def test_malformed_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(EmbeddingError, match=message):
        read_embeddings(tmp_path / "x.npz")


class Hostile:
    def __reduce__(self):
        return (pytest.fail, ("code in the file was run",))


@pytest.mark.parametrize("name", ["x.npz", "x.parquet", "x.txt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"PAR1brokenPAR1", pickle.dumps(Hostile())])
def test_files_that_are_something_else(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EmbeddingError, match="cannot be read"):
        read_embeddings(tmp_path / name)


def test_nothing_hostile_is_run(tmp_path):
    np.savez(tmp_path / "x.npz", samples=np.array([Hostile()], dtype=object), embeddings=np.ones((1, 2)))
    np.save(tmp_path / "y.npy", EMBEDDINGS)
    (tmp_path / "y.npy").rename(tmp_path / "y.npz")
    for name, message in (("x.npz", "cannot be read"), ("y.npz", "a single array")):
        with pytest.raises(EmbeddingError, match=message):
            read_embeddings(tmp_path / name)
    with pytest.raises(EmbeddingError, match="no such file"):
        read_embeddings(tmp_path)


def test_integers_are_names(tmp_path):
    file = read_embeddings(write(tmp_path / "x.npz", np.arange(4), classes=np.array([7, 7, 8, 8])))
    assert file.samples == ("0", "1", "2", "3")
    assert matched_to({"7": ["0", "1"], "8": ["2", "3"]}, file)[0].tolist() == EMBEDDINGS.tolist()
