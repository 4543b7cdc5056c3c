"""The batches of an epoch."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import RecipeError
from oodml_bench.training.sampler import epoch_batches


@st.composite
def problems(draw):
    """Draw labels in any order with any gaps, and sizes that fit them."""
    per_class = draw(st.integers(2, 4))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=12).filter(lambda sizes: max(sizes) >= per_class))
    names = draw(st.lists(st.integers(-50, 50), min_size=len(sizes), max_size=len(sizes), unique=True))
    labels = draw(st.permutations(np.repeat(names, sizes).tolist()))
    return np.array(labels), per_class * draw(st.integers(1, 8)), per_class, draw(st.integers(0, 99))


def batches_of(problem):
    labels, batch_size, per_class, seed = problem
    return epoch_batches(labels, batch_size=batch_size, per_class=per_class, rng=np.random.default_rng(seed))


@given(problem=problems())
def test_every_class_comes_up_and_there_are_about_as_many_batches_as_the_images_fill(problem):
    labels, batch_size, per_class, _ = problem
    batches = batches_of(problem)
    assert set(labels[np.concatenate(batches)]) == set(labels)
    needed = -(-len(set(labels)) // (batch_size // per_class))
    assert len(batches) == max(len(labels) // batch_size, needed)


@given(problem=problems())
def test_an_image_comes_up_twice_in_a_batch_only_where_its_class_is_too_small(problem):
    labels, _, per_class, _ = problem
    sizes = Counter(labels.tolist())
    for batch in batches_of(problem):
        for image, times in Counter(batch.tolist()).items():
            size = sizes[labels[image]]
            # A class that is too small gives its images in turn.
            assert times <= (1 if size >= per_class else -(-per_class // size))


@given(problem=problems())
def test_batches_are_full_of_different_classes_with_equally_many_images(problem):
    labels, batch_size, per_class, _ = problem
    sizes = Counter(labels.tolist())
    slots = batch_size // per_class
    for batch in batches_of(problem):
        counts = Counter(labels[batch].tolist())
        if len(sizes) >= slots:
            assert list(counts.values()) == [per_class] * slots
            continue
        assert counts.keys() == sizes.keys()
        assert len(batch) == min(batch_size, sum(max(size, per_class) for size in sizes.values()))
        for label, count in counts.items():
            assert count >= per_class
            # Classes give in turn: no class is a whole round ahead of one that has unused images.
            unused = [counts[other] for other in counts if counts[other] < sizes[other] and other != label]
            assert all(count - other <= per_class for other in unused)


@given(problem=problems())
def test_classes_come_up_equally_often_and_so_do_the_images_of_a_class(problem):
    labels, batch_size, per_class, _ = problem
    batches = batches_of(problem)
    visits = Counter(label for batch in batches for label in set(labels[batch].tolist()))
    assert max(visits.values()) - min(visits.values()) <= 1
    if len(visits) >= batch_size // per_class:
        images = Counter(np.concatenate(batches).tolist())
        for label in visits:
            times = [images[image] for image in np.flatnonzero(labels == label).tolist()]
            assert max(times) - min(times) <= 1


def test_the_generator_alone_decides():
    labels = np.repeat(np.arange(10), 6)

    def drawn(seed):
        rng = np.random.default_rng(seed)
        return [batch.tolist() for batch in epoch_batches(labels, batch_size=12, per_class=3, rng=rng)]

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


def test_every_class_is_drawn_with_every_other():
    labels = np.repeat(np.arange(6), 4)
    rng = np.random.default_rng(0)
    pairs = Counter()
    for _ in range(200):
        for batch in epoch_batches(labels, batch_size=4, per_class=2, rng=rng):
            pairs[frozenset(labels[batch].tolist())] += 1
    expected = sum(pairs.values()) / 15
    assert len(pairs) == 15
    assert all(abs(times - expected) < 5 * np.sqrt(expected) for times in pairs.values())


def test_few_shot_support_smaller_than_a_batch_gives_one_smaller_batch():
    labels = np.repeat(np.arange(46), 2)
    (batch,) = epoch_batches(labels, batch_size=112, per_class=2, rng=np.random.default_rng(0))
    assert sorted(batch.tolist()) == list(range(92))


@pytest.mark.parametrize(
    ("batch_size", "per_class", "message"),
    [
        (10, 4, "[batches] size = 10 must be a multiple of per_class = 4, such as 8 or 12"),
        (2, 4, "[batches] size = 2 must be a multiple of per_class = 4, such as 4"),
        (0, 2, "[batches] size = 0 must be a multiple of per_class = 2, such as 2"),
        (8, 1, "per_class = 1: a batch needs at least 2 images of a class"),
        (12, 6, "per_class = 6, but the largest of 3 classes has 5 images"),
    ],
)
def test_sizes_that_do_not_fit(batch_size, per_class, message):
    labels = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2])
    with pytest.raises(RecipeError, match=re.escape(message)):
        epoch_batches(labels, batch_size=batch_size, per_class=per_class, rng=np.random.default_rng(0))


def test_no_images():
    with pytest.raises(RecipeError, match="the largest of 0 classes has 0 images"):
        epoch_batches(np.array([], dtype=int), batch_size=4, per_class=2, rng=np.random.default_rng(0))
