"""What a benchmark is held against: features and images, as far as they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from oodml_bench.datasets import Dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.features import ClassMeans, Features, class_means
from oodml_bench.hardness import ClassSpace

#: Class → the names of its samples inside it.
Samples = Mapping[str, frozenset[str]]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a benchmark is held against.

    Attributes
    ----------
    features
        Features of its classes, and the class means of them; None where none were given.
    dataset
        Its dataset; None where none was given.
    """

    features: tuple[Features, ClassMeans] | None
    dataset: Dataset | None

    @classmethod
    def of(cls, features: Features | None, dataset: Dataset | None, *, progress: bool) -> Evidence:
        """Average the features of each class."""
        averaged = None if features is None else (features, class_means(features, progress=progress))
        return cls(averaged, dataset)

    @cached_property
    def space(self) -> ClassSpace | None:
        """The class means; None without features."""
        if self.features is None:
            return None
        _, means = self.features
        return ClassSpace(means.classes, means.means)

    @cached_property
    def samples(self) -> dict[str, Samples]:
        """The samples of every class, by what tells of them; empty sets where it names none."""
        told: dict[str, Samples] = {}
        if self.features is not None:
            _, means = self.features
            told["the features"] = {name: _inside(name, means.samples[name]) for name in means.classes}
        if self.dataset is not None:
            told["the images"] = {name: _inside(name, of_class) for name, of_class in self.dataset.samples.items()}
        return told


def _inside(class_name: str, samples: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name_in_class(class_name, sample) for sample in samples)
