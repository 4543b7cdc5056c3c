"""Putting the parts of a feature store together from the batches that networks finish in any order."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oodml_bench.errors import OodmlError
from oodml_bench.features.store_writing import Rows, write_part
from oodml_bench.scale.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from oodml_bench.features.store import FeatureStore


@dataclass(frozen=True)
class Batch:
    """The features of some samples of a part.

    Attributes
    ----------
    part
        Number of the part.
    place, places
        Which of the part's batches this is, counted from 0, and how many these are.
    names
        (class, sample) of each picture that could be read.
    features
        (B, D) float32.
    """

    part: int
    place: int
    places: int
    names: list[tuple[str, str]]
    features: NDArray[np.float32]


@dataclass
class PartWriter:
    """Holds the parts that are begun: an actor."""

    store: FeatureStore
    superclasses: Mapping[str, str]
    begun: dict[int, dict[int, Batch]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, batch: Batch) -> int | str | None:
        """Take a batch, and write its part if that is whole now; give its number of samples, or the problem."""
        batches = self.begun[batch.part]
        batches[batch.place] = batch
        if len(batches) < batch.places:
            return None
        rows = self._rows([batches[place] for place in range(batch.places)])
        try:
            write_part(self.store, batch.part, rows)
        except OodmlError as error:
            return problem_of(error)
        del self.begun[batch.part]
        return len(rows.samples)

    def _rows(self, batches: list[Batch]) -> Rows:
        names = [name for batch in batches for name in batch.names]
        return Rows(
            [sample for _, sample in names],
            [class_name for class_name, _ in names],
            [self.superclasses.get(class_name) for class_name, _ in names],
            np.concatenate([batch.features for batch in batches]),
        )
