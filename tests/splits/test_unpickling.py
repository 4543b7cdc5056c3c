"""Published pickles are read; anything else in a pickle is refused, and nothing of it is run."""

import os
import pickle

import numpy as np
import pytest

from oodml_bench.errors import BenchmarkFileError
from oodml_bench.splits import load_benchmark
from oodml_bench.splits.unpickling import load_plain


def published(ids=str) -> dict:
    """Give levels as the published pickles hold them: NumPy scalars inside built-in containers."""
    train, test = [np.str_("Audi A4 2012"), np.str_("Bär")], [np.str_("c"), np.str_("d")]
    return {
        1: {
            "train": train,
            "test": test,
            "fid": np.float64(8.59),
            "split_train": [ids(1)],
            "split_val": [ids(2)],
            "test_episodes": {2: {0: {np.str_("c"): [np.str_("00001.jpg"), np.str_("00002.jpg")]}}},
        }
    }


def pickled(content, module: bytes) -> bytes:
    """Pickle as the other major version of NumPy would: the module of scalars has moved."""
    return (
        pickle.dumps(content, protocol=2)
        .replace(b"numpy._core.multiarray", module)
        .replace(b"numpy.core.multiarray", module)
    )


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_published_pickles(tmp_path, module):
    (tmp_path / "cars196_splits.pkl").write_bytes(pickled(published(), module))
    benchmark = load_benchmark(tmp_path / "cars196_splits.pkl")
    level = benchmark.levels[1]
    assert benchmark.name == "cars196"
    assert level.train == ("Audi A4 2012", "Bär")
    assert type(level.train[0]) is str
    assert (level.fid, type(level.fid)) == (8.59, float)
    assert level.test_episodes == {2: {0: {"c": ("00001.jpg", "00002.jpg")}}}


def test_product_ids_as_integers_become_strings(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(published(ids=int), protocol=2))
    assert load_benchmark(tmp_path / "x.pkl").levels[1].split_train == ("1",)


def test_episodes_of_whole_classes(tmp_path):
    content = published()
    content[1]["test_episodes"] = {2: {0: ["c"]}}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol=2))
    assert load_benchmark(tmp_path / "x.pkl").levels[1].test_episodes == {2: {0: ("c",)}}


@pytest.mark.parametrize(
    "scalar",
    [
        *(np.float64(1.5), np.float32(0.1), np.float16(2), np.float64("inf"), np.array(2.5, ">f8")[()]),
        *(np.int64(-3), np.int32(7), np.int8(-1), np.uint8(200), np.bool_(True), np.str_("ä"), np.bytes_(b"ab")),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_numpy_scalars_become_python_values(scalar, protocol):
    value = load_plain(pickle.dumps(scalar, protocol=protocol), "x")
    assert value == scalar.item()
    assert type(value) is type(scalar.item())


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.how = (function, arguments)

    def __reduce__(self):
        return self.how


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, exec, print, __import__, getattr])
def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path, protocol, function):
    witness = tmp_path / "witness"
    content = {1: {"fid": Call(function, f"touch {witness}")}}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(BenchmarkFileError, match="refused, and nothing in it was run"):
        load_benchmark(tmp_path / "x.pkl")
    assert not witness.exists()


@pytest.mark.parametrize(
    "value", [np.zeros(3), np.array([None]), np.dtype("O"), np.datetime64("2020-01-01"), complex(1), {1, 2}, range(3)]
)
def test_other_objects_are_refused(value):
    with pytest.raises(BenchmarkFileError, match="nothing in it was run"):
        load_plain(pickle.dumps(value, protocol=2), "x")


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x02", pickle.dumps([1, 2])[:-1], b"\x80\x02N0."])
def test_damaged_pickles(tmp_path, content):
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(BenchmarkFileError):
        load_benchmark(tmp_path / "x.pkl")


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {1: {"train": ["a"], "test": ["b"], "fid": float("nan")}},
        {1: 2},
        {"a": {}},
        {1: {"train": ["a"], "test": ["b"]}},
        {1: {"train": "ab"}},
    ],
)
def test_pickles_that_are_no_benchmark(tmp_path, content):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(BenchmarkFileError, match="is no benchmark"):
        load_benchmark(tmp_path / "x.pkl")
