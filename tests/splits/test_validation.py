"""Validation splits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import SplitError
from oodml_bench.splits.validation import validation_split


@given(count=st.integers(1, 200), fraction=st.floats(0, 0.9), seed=st.integers(0, 100))
def test_partitions_the_train_classes_in_order(count, fraction, seed):
    train = [f"c{number:03}" for number in range(count)]
    if int(np.floor((1 - fraction) * count + 1e-9)) == 0:
        return
    kept, held_out = validation_split(train, fraction, np.random.default_rng(seed))
    assert sorted([*kept, *held_out]) == train
    assert list(kept) == sorted(kept)
    assert list(held_out) == sorted(held_out)
    assert (1 - fraction) * count - 1 < len(kept) <= (1 - fraction) * count + 1e-6


@pytest.mark.parametrize(("count", "kept"), [(98, 73), (86, 64), (74, 55), (62, 46)])
def test_sizes_are_those_of_the_published_benchmark(count, kept):
    train = [str(number) for number in range(count)]
    assert len(validation_split(train, 0.25, np.random.default_rng(0))[0]) == kept


def test_the_seed_decides():
    train = [str(number) for number in range(40)]
    first, again, other = (validation_split(train, 0.25, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_every_class_may_be_held_out():
    train = [str(number) for number in range(8)]
    held_out = {name for seed in range(50) for name in validation_split(train, 0.25, np.random.default_rng(seed))[1]}
    assert held_out == set(train)


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_fractions_out_of_range(fraction):
    with pytest.raises(SplitError, match="at least 0 and below 1"):
        validation_split(["a", "b"], fraction, np.random.default_rng(0))


def test_a_fraction_that_leaves_nothing():
    with pytest.raises(SplitError, match="leaves none of 2 classes"):
        validation_split(["a", "b"], 0.9, np.random.default_rng(0))
