"""The quadruplet loss."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from oodml_bench.training.objectives.objective import Task, TupleObjective, mean_or_zero
from oodml_bench.training.settings import Settings


class QuadrupletSettings(Settings):
    """Settings of `quadruplet`, in units of distance between unit vectors.

    Attributes
    ----------
    margin
        By how much the negative has to be farther from the anchor than the positive.
    second_margin
        By how much the two negatives have to be farther from each other than the positive from the anchor.
    """

    margin: float = Field(default=0.2, gt=0)
    second_margin: float = Field(default=0.2, gt=0)


class Quadruplet(TupleObjective):
    """Quadruplet loss (Chen et al., 2017: Beyond Triplet Loss), with plain distances as in ooDML.

    With distances `d` between unit vectors, over triplets (a, p, n)::

        L = mean [d(a, p) - d(a, n) + m1]+ + mean [d(a, p) - d(n, o) + m2]+

    where `o` is drawn uniformly from the samples of the batch whose class is neither that of `a` nor that of `n`. A
    triplet for which there is none has no second term.

    The published code of ooDML pairs every triplet with the distances of all others, takes `o` by an index of another
    list, and may draw it from the class of `a`, `p` or `n`.
    """

    settings_type = QuadrupletSettings

    def __init__(self, settings: QuadrupletSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.margin = settings.margin
        self.second_margin = settings.second_margin

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See `Objective.compute`."""
        anchors, positives, negatives = self.triplets(embeddings, labels)
        others = (labels != labels[anchors, None]) & (labels != labels[negatives, None])
        has_other = others.any(dim=1)
        fourth = draw_fourth(others[has_other])
        unit = functional.normalize(embeddings)
        to_positive = _distance(unit[anchors], unit[positives])
        to_negative = _distance(unit[anchors], unit[negatives])
        between_negatives = _distance(unit[negatives[has_other]], unit[fourth])
        first = functional.relu(to_positive - to_negative + self.margin)
        second = functional.relu(to_positive[has_other] - between_negatives + self.second_margin)
        return mean_or_zero(first, embeddings) + mean_or_zero(second, embeddings)


def draw_fourth(others: Tensor) -> Tensor:
    """Draw a position in the batch for each row (T, B) of allowed ones, from torch's global generator; shape (T,)."""
    # Drawing from no rows is an error.
    if len(others) == 0:
        return torch.zeros(0, dtype=torch.int64, device=others.device)
    return torch.multinomial(others.float(), 1).flatten()


def _distance(first: Tensor, second: Tensor) -> Tensor:
    return torch.linalg.vector_norm(first - second, dim=1)
