"""The angular loss, with n-pairs."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.distances import DotProductSimilarity
from pytorch_metric_learning.losses import AngularLoss, NPairsLoss
from torch import Tensor
from torch.nn import functional

from oodml_bench.training.objectives.objective import Objective, Task
from oodml_bench.training.settings import Settings


class AngularSettings(Settings):
    """Settings of `angular`.

    Attributes
    ----------
    alpha
        Upper bound of the angle at the negative, in degrees.
    angular_weight
        Weight of the angular loss beside that of n-pairs.
    l2_weight
        Weight of the embeddings' lengths.
    """

    alpha: float = Field(default=45, gt=0, lt=90)
    angular_weight: float = Field(default=2, ge=0)
    l2_weight: float = Field(default=0.005, ge=0)


class Angular(Objective):
    """Angular loss (Wang et al., 2017), added to n-pairs (Sohn, 2016) as that paper does.

    ::

        L = N + angular_weight A + l2_weight mean |x|
        N = mean log(1 + sum_n exp(a . n - a . p))
        A = mean log(1 + sum_n exp(4 t^2 (a + p) . n - 2 (1 + t^2) a . p)),    t = tan(alpha)

    N is over one pair (a, p) of each class, the first of the batch, with the positives of the other pairs as n; A is
    over all positive pairs, with all samples of other classes as n, for unit vectors. N takes the embeddings as they
    are: the lengths matter only where the embedder does not normalise. The published code of ooDML has one pair for
    each sample in both, and fails where a class has more than two images in a batch.
    """

    settings_type = AngularSettings

    def __init__(self, settings: AngularSettings, task: Task) -> None:
        super().__init__(settings, task)
        self.angular_weight = settings.angular_weight
        self.l2_weight = settings.l2_weight
        self.npairs = NPairsLoss(distance=DotProductSimilarity(normalize_embeddings=False))
        self.angular = AngularLoss(alpha=settings.alpha)

    def compute(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """See `Objective.compute`."""
        npairs: Tensor = self.npairs(embeddings, labels)
        # The library normalises anchors and positives, and takes negatives as they are.
        angular: Tensor = self.angular(functional.normalize(embeddings), labels)
        length = embeddings.norm(dim=1).mean()
        return npairs + self.angular_weight * angular + self.l2_weight * length
