"""The triplet loss."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer

from oodml_bench.training.objectives.library import LibraryTupleObjective
from oodml_bench.training.objectives.objective import Task
from oodml_bench.training.settings import Settings


class TripletSettings(Settings):
    """Settings of `triplet`.

    Attributes
    ----------
    margin
        By how much the squared distance to the negative has to exceed that to the positive.
    """

    margin: float = Field(default=0.2, gt=0)


class Triplet(LibraryTupleObjective):
    """Triplet loss (Schroff et al., 2015: FaceNet), equation 2, as a mean.

    With distances `d` between unit vectors, over triplets (a, p, n), those that cost nothing included::

        L = mean [d(a, p)^2 - d(a, n)^2 + m]+
    """

    settings_type = TripletSettings

    def __init__(self, settings: TripletSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.loss = TripletMarginLoss(margin=settings.margin, distance=LpDistance(power=2), reducer=MeanReducer())
