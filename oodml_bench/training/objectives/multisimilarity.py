"""The multi-similarity loss, with its own mining."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.losses import MultiSimilarityLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from torch import Tensor

from oodml_bench.training.objectives.objective import Objective, Task
from oodml_bench.training.settings import Settings


class MultiSimilaritySettings(Settings):
    """Settings of `multisimilarity`.

    Attributes
    ----------
    alpha, beta
        Steepness for positive and for negative pairs.
    base
        The similarity from which pairs count.
    epsilon
        By how much a pair may be easier than the hardest one of the other kind, and still be used.
    """

    alpha: float = Field(default=2, gt=0)
    beta: float = Field(default=40, gt=0)
    base: float = Field(default=0.5, ge=-1, le=1)
    epsilon: float = Field(default=0.1, ge=0)


class MultiSimilarity(Objective):
    """Multi-similarity loss (Wang et al., 2019), equations 11 to 15; it picks its pairs itself.

    With cosine similarities `s`, an anchor j keeps the negatives k with `s_jk + epsilon > min s_jp` over its positives
    p, and the positives i with `s_ji - epsilon < max s_jn` over its negatives n. Over all B samples as anchors::

        L = mean_j( log(1 + sum_i exp(-alpha (s_ji - base))) / alpha + log(1 + sum_k exp(beta (s_jk - base))) / beta )

    An anchor that keeps nothing counts as 0. The published code of ooDML averages each part over the anchors that
    keep something, and lets an anchor be its own positive where a negative is nearly as similar.
    """

    settings_type = MultiSimilaritySettings

    def __init__(self, settings: MultiSimilaritySettings, task: Task) -> None:
        super().__init__(settings, task)
        self.miner = MultiSimilarityMiner(epsilon=settings.epsilon)
        self.loss = MultiSimilarityLoss(alpha=settings.alpha, beta=settings.beta, base=settings.base)

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See `Objective.compute`."""
        loss: Tensor = self.loss(embeddings, labels, self.miner(embeddings, labels))
        return loss
