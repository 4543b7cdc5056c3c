"""The batches of every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import PositiveInt

from oodml_bench.training.inputs import Batch, Rows
from oodml_bench.training.sampler import epoch_batches
from oodml_bench.training.samples import SampleSet
from oodml_bench.training.seeding import generator_for
from oodml_bench.training.settings import Settings


class BatchSettings(Settings):
    """The `[batches]` table of a recipe.

    Attributes
    ----------
    size
        Samples of a batch.
    per_class
        Samples of each class in it.
    """

    size: PositiveInt = 112
    per_class: PositiveInt = 2


@dataclass(eq=False)
class BatchPlan:
    """Which samples are trained on together.

    The batches of an epoch depend on the seed and the epoch alone.

    Attributes
    ----------
    samples
        What is trained on.
    settings
        Size, and samples a class.
    seed
        Of the run.
    views
        How many times each of them is loaded.
    """

    samples: SampleSet
    settings: BatchSettings
    seed: int
    views: int = 1
    _held: dict[int, list[Rows]] = field(default_factory=dict, repr=False)

    def of_epoch(self, epoch: int) -> list[Rows]:
        """Give the batches of an epoch, from 0, as positions in `samples`.

        Raises
        ------
        RecipeError
            Where no such batches can be made of these samples.
        """
        if epoch not in self._held:
            # Loading runs a few batches ahead of training, so two epochs are in use at once.
            self._held = {held: batches for held, batches in self._held.items() if held >= epoch - 1}
            self._held[epoch] = epoch_batches(
                self.samples.labels,
                batch_size=self.settings.size,
                per_class=self.settings.per_class,
                rng=generator_for("batches", self.seed, epoch),
            )
        return self._held[epoch]

    def to_load(self, epoch: int) -> Iterator[Batch]:
        """Give the batches of an epoch as inputs are asked for."""
        first = 0
        for positions in self.of_epoch(epoch):
            yield Batch(self.samples.rows[positions], epoch, first, self.views)
            first += len(positions)
