"""Small class spaces for tests of the search."""

import numpy as np

from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split, starting_split


def class_space(count: int, dimension: int = 8, seed: int = 0) -> ClassSpace:
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(count, dimension)) * np.linspace(2, 0.3, dimension)
    return ClassSpace([f"class_{number:03}" for number in range(count)], means)


def fid(space: ClassSpace, split: Split) -> float:
    return space.distance(space.indices(split.train), space.indices(split.test)).fid


def halves(space: ClassSpace) -> Split:
    return starting_split(space.classes)
