"""Where a search starts: the class means of some features, and the default split of their classes."""

from __future__ import annotations

from typing import NamedTuple

from oodml_bench.features import ClassMeans, Features, class_means
from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split, starting_split


class Start(NamedTuple):
    """The class means of some features, their space, and the default split of their classes."""

    means: ClassMeans
    space: ClassSpace
    split: Split


def start_of(features: Features, *, progress: bool = False) -> Start:
    """Average the features of each class, and give the default split.

    Raises
    ------
    FeatureError
        Where the features are not finite.
    SplitError
        Where there are fewer than four classes.
    """
    means = class_means(features, progress=progress)
    split = starting_split(means.classes, features.default_halves)
    return Start(means, ClassSpace(means.classes, means.means), split)
