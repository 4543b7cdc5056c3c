"""Losses over pairs: contrastive, and supervised contrastive."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.losses import ContrastiveLoss, SupConLoss
from pytorch_metric_learning.reducers import MeanReducer

from oodml_bench.training.objectives.library import LibraryObjective, LibraryTupleObjective
from oodml_bench.training.objectives.objective import Task
from oodml_bench.training.settings import Settings


class ContrastiveSettings(Settings):
    """Settings of `contrastive`, in units of distance between unit vectors.

    Attributes
    ----------
    positive_margin
        Up to which distance a positive pair costs nothing.
    negative_margin
        From which distance on a negative pair costs nothing.
    """

    positive_margin: float = Field(default=0, ge=0)
    negative_margin: float = Field(default=1, gt=0)


class Contrastive(LibraryTupleObjective):
    """Contrastive loss (Hadsell et al., 2006), with plain instead of squared distances as in ooDML.

    With distances `d` between unit vectors, over triplets (a, p, n)::

        L = mean [d(a, p) - m_p]+ + mean [m_n - d(a, n)]+
    """

    settings_type = ContrastiveSettings

    def __init__(self, settings: ContrastiveSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.loss = ContrastiveLoss(
            pos_margin=settings.positive_margin, neg_margin=settings.negative_margin, reducer=MeanReducer()
        )


class SupConSettings(Settings):
    """Settings of `supcon`.

    Attributes
    ----------
    temperature
        What cosine similarities are divided by.
    """

    temperature: float = Field(default=0.1, gt=0)


class SupCon(LibraryObjective):
    """Supervised contrastive loss (Khosla et al., 2020), equation 2, over all pairs of the batch.

    With cosine similarities `s`, temperature `t`, and P(a) the positives of a::

        L = mean_a mean_{p in P(a)} -log( exp(s_ap / t) / sum_{k != a} exp(s_ak / t) )

    over the anchors that have a positive. ooDML does not have it; the paper uses two views of each image instead of
    several images of a class.
    """

    settings_type = SupConSettings

    def __init__(self, settings: SupConSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.loss = SupConLoss(temperature=settings.temperature)
