"""Linear algebra by NumPy and by torch: the same numbers."""

import numpy as np
import pytest

from oodml_bench.errors import InputError
from oodml_bench.hardness import ClassSpace, frechet_distance, on_device
from oodml_bench.hardness.linalg import NumpyBackend, active, using
from oodml_bench.hardness.torch_backend import TorchBackend
from oodml_bench.splits.search import SearchSettings, search
from oodml_bench.splits.split import starting_split

NUMPY, TORCH = NumpyBackend(), TorchBackend("cpu")


def symmetric(order=30, seed=0):
    rows = np.random.default_rng(seed).normal(size=(2 * order, order))
    return rows.T @ rows


@pytest.mark.parametrize("shape", [(20, 12), (12, 20), (15, 15)])
def test_singular_values_and_products_agree(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(TORCH.singular_values(matrix), NUMPY.singular_values(matrix), rtol=1e-12)
    for backend in (NUMPY, TORCH):
        left, values, right = backend.svd(matrix)
        assert left.shape == (shape[0], shape[0])
        assert right.shape == (shape[1], shape[1])
        rank = len(values)
        np.testing.assert_allclose((left[:, :rank] * values) @ right[:rank], matrix, atol=1e-12)
    np.testing.assert_allclose(TORCH.matmul(matrix, matrix.T), NUMPY.matmul(matrix, matrix.T), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", [NUMPY, TORCH])
def test_factors_and_eigenvectors_give_the_matrix_back(backend):
    first, second = symmetric(seed=0), symmetric(seed=1)
    factor = backend.cholesky(first)
    np.testing.assert_allclose(factor.T @ factor, first, rtol=1e-12)
    np.testing.assert_array_equal(factor, np.triu(factor))
    np.testing.assert_allclose(backend.congruence(factor, second), factor @ second @ factor.T, rtol=1e-11, atol=1e-9)
    values, vectors = backend.eigh(second)
    np.testing.assert_allclose((vectors * values) @ vectors.T, second, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(backend.eigenvalues(second), values, rtol=1e-11)
    np.testing.assert_allclose(factor @ backend.solve_triangular(factor, second), second, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(backend.multiply_transposed(factor, second), factor.T @ second, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("backend", [NUMPY, TORCH])
def test_a_matrix_that_is_not_positive_definite_has_no_factor(backend):
    with pytest.raises(np.linalg.LinAlgError):
        backend.cholesky(-np.eye(3))


@pytest.mark.parametrize(("count", "dimension"), [(24, 40), (120, 12), (640, 20), (640, 400)])
@pytest.mark.parametrize("method", ["greedy", "paper"])
def test_a_search_measures_the_same_distances(count, dimension, method):
    rng = np.random.default_rng(3)
    means = rng.normal(size=(count, dimension)) * np.linspace(2, 0.3, dimension)
    names = [f"c{number:03}" for number in range(count)]
    start = starting_split(names)
    settings = SearchSettings(method, rounds=4, history=2)
    with using(TORCH):
        # A new space: what it holds is computed there too.
        walks = search(ClassSpace(names, means), start, settings, min_classes=int(0.4 * count))
    space = ClassSpace(names, means)
    steps = [step for walk in walks for step in walk.steps]
    expected = [space.distance(space.indices(step.split.train), space.indices(step.split.test)).fid for step in steps]
    np.testing.assert_allclose([step.fid for step in steps], expected, rtol=1e-9)
    if method == "paper":
        again = search(space, start, settings, min_classes=int(0.4 * count))
        assert [step.split for walk in again for step in walk.steps] == [step.split for step in steps]


@pytest.mark.parametrize("sizes", [(10, 12), (60, 12), (60, 70)])
def test_a_distance_is_the_same(sizes):
    rng = np.random.default_rng(4)
    train, test = (rng.normal(size=(size, 20)) for size in sizes)
    expected = frechet_distance(train, test)
    with using(TORCH):
        assert active() is TORCH
        assert frechet_distance(train, test).fid == pytest.approx(expected.fid, rel=1e-9)
    assert active() is not TORCH


def test_a_device_that_is_not_there_is_named():
    with (
        pytest.raises(InputError, match=r"device 'cuda:99' is not available for distances; allowed here: cpu"),
        on_device("cuda:99"),
    ):
        pass


def test_on_the_cpu_numpy_computes():
    with on_device("cpu"):
        assert isinstance(active(), NumpyBackend)
