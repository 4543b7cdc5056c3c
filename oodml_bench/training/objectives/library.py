"""Objectives whose loss is one of pytorch-metric-learning's."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from oodml_bench.training.objectives.objective import Objective, TupleObjective


class LibraryObjective(Objective):
    """An objective that a loss of the library computes from the whole batch; a subclass sets `loss`."""

    loss: Any

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See `Objective.compute`."""
        loss: Tensor = self.loss(embeddings, labels)
        return loss


class LibraryTupleObjective(TupleObjective):
    """An objective that a loss of the library computes from the miner's triplets; a subclass sets `loss`."""

    loss: Any

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See `Objective.compute`."""
        loss: Tensor = self.loss(embeddings, labels, self.triplets(embeddings, labels))
        return loss
