"""Matrices that lie on disk where they are large."""

import errno
import tempfile
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import OutputError
from oodml_bench.features import spooling
from oodml_bench.features.spooling import gathered, spooled


def blocks_of(matrix, cuts):
    edges = [0, *sorted(cuts), len(matrix)]
    return [matrix[start:stop] for start, stop in pairwise(edges)]


@pytest.fixture(params=["in memory", "on disk"])
def placed(request, monkeypatch):
    if request.param == "on disk":
        monkeypatch.setattr(spooling, "MOST_HELD", 100)
    return request.param


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_matrix_is_what_its_blocks_were(dtype):
    @given(count=st.integers(1, 40), cuts=st.lists(st.integers(0, 40)))
    def check(count, cuts):
        matrix = np.random.default_rng(count).standard_normal((count, 3)).astype(dtype)
        made = spooled(iter(blocks_of(matrix, [min(cut, count) for cut in cuts])))
        assert made.dtype == dtype
        assert made.flags.c_contiguous
        assert np.array_equal(made, matrix)

    check()


@pytest.mark.usefixtures("placed")
def test_rows_are_gathered():
    matrix = np.arange(300, dtype=np.float32).reshape(100, 3)
    for rows in ([], [5], [3, 4, 5], [7, 2, 2, 99], list(range(100))[::-1]):
        assert np.array_equal(gathered(matrix, np.array(rows, np.int64)), matrix[rows])
    assert np.shares_memory(gathered(matrix, np.arange(4, 60)), matrix)


@pytest.mark.usefixtures("placed")
def test_torch_takes_a_matrix():
    made = spooled(iter([np.ones((50, 4), np.float32)]))
    assert torch.from_numpy(made)[torch.tensor([3, 1])].sum() == 8


def test_a_large_matrix_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(spooling, "MOST_HELD", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = spooled(iter([np.ones((50, 4), np.float32)] * 3))
    assert made.sum() == 600
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_ours(monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(spooling, "MOST_HELD", 100)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OutputError, match="No space left on device"):
        spooled(iter([np.ones((50, 4), np.float32)]))


def test_no_folder_for_temporary_files_is_an_error_of_ours(monkeypatch):
    def missing():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory")

    monkeypatch.setattr(spooling, "MOST_HELD", 100)
    monkeypatch.setattr(tempfile, "gettempdir", missing)
    with pytest.raises(OutputError, match="TMPDIR"):
        spooled(iter([np.ones((50, 4), np.float32)]))
