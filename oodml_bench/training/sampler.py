"""The batches of an epoch: a few classes each, the same number of images of every class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oodml_bench.errors import RecipeError

Indices = NDArray[np.int64]


def epoch_batches(
    labels: NDArray[np.int64], *, batch_size: int, per_class: int, rng: np.random.Generator
) -> list[Indices]:
    """Draw the batches of one epoch.

    A batch holds `batch_size / per_class` different classes with `per_class` images each. Classes come up in shuffled
    rounds, and so do the images of each class: none comes up a second time before all others of its kind have come up
    once, except to keep a batch free of repetitions. So classes come up equally often, whatever their sizes.

    Where there are fewer classes than that, classes give more images, `per_class` at a time, as long as they have
    images that are not in the batch; the batch is smaller where all images are in it. An image is in a batch twice
    only where its class has fewer than `per_class` images.

    Parameters
    ----------
    labels
        The class of each image, shape (N,); any integers.
    batch_size
        Images in a batch, a multiple of `per_class`.
    per_class
        Images of a class in a batch, at least 2.
    rng
        Source of all random choices.

    Returns
    -------
    list of ndarray
        Positions in `labels`. About N / `batch_size` batches, and so many that every class comes up.

    Raises
    ------
    RecipeError
        Where the sizes do not fit together, or no class has `per_class` images.
    """
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    _check(classes, batch_size, per_class)
    slots = batch_size // per_class
    count = max(len(labels) // batch_size, -(-len(classes) // slots))
    rounds = _Rounds(range(len(classes)), rng)
    images = [_Rounds(members.tolist(), rng) for members in classes]
    batches = []
    for _ in range(count):
        chosen = rounds.take(min(slots, len(classes)))
        amounts = _amounts([len(classes[number]) for number in chosen], batch_size, per_class)
        drawn = [images[number].take(amount) for number, amount in zip(chosen, amounts, strict=True)]
        batches.append(np.array([image for some in drawn for image in some], dtype=np.int64))
    return batches


def _check(classes: Sequence[Indices], batch_size: int, per_class: int) -> None:
    if per_class < 2:
        raise RecipeError(f"per_class = {per_class}: a batch needs at least 2 images of a class to learn from pairs")
    if batch_size < per_class or batch_size % per_class:
        below = batch_size // per_class * per_class
        nearest = " or ".join(str(size) for size in (below, below + per_class) if size > 0)
        raise RecipeError(
            f"[batches] size = {batch_size} must be a multiple of per_class = {per_class}, such as {nearest}"
        )
    largest = max((len(members) for members in classes), default=0)
    if largest < per_class:
        raise RecipeError(
            f"per_class = {per_class}, but the largest of {len(classes)} classes has {largest} images: "
            "lower per_class, or add images"
        )


def _amounts(sizes: Sequence[int], batch_size: int, per_class: int) -> list[int]:
    """Give how many images each class of a batch gives: `per_class`, and in further rounds those that are unused."""
    amounts = [0] * len(sizes)
    room = batch_size
    limits = [max(size, per_class) for size in sizes]
    while room and amounts != limits:
        for number, limit in enumerate(limits):
            more = min(per_class, limit - amounts[number], room)
            amounts[number] += more
            room -= more
    return amounts


class _Rounds:
    """Items in shuffled rounds: an item comes up again when all others have come up."""

    def __init__(self, items: Sequence[int], rng: np.random.Generator) -> None:
        self._items = np.array(items)
        self._rng = rng
        self._waiting: list[int] = []

    def take(self, amount: int) -> list[int]:
        """Take items, different ones as long as there are; the rest of a round waits for the next call."""
        taken: list[int] = []
        while len(taken) < amount:
            if not self._waiting:
                self._waiting = self._rng.permutation(self._items).tolist()
            # What this call holds already, counted in whole sets of items, has to wait.
            held = set(taken[len(taken) // len(self._items) * len(self._items) :])
            free = [item for item in self._waiting if item not in held][: amount - len(taken)]
            taken += free
            chosen = set(free)
            self._waiting = [item for item in self._waiting if item not in chosen]
        return taken
