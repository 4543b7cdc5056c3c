"""Semi-hard mining."""

from __future__ import annotations

from pydantic import Field
from pytorch_metric_learning.miners import TripletMarginMiner
from torch import Tensor

from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


class SemihardSettings(Settings):
    """Settings of `semihard`.

    Attributes
    ----------
    margin
        By how much the negative is farther than the positive at most, in units of distance.
    """

    margin: float = Field(default=0.2, gt=0)


class SemihardMiner(Miner):
    """All semi-hard triplets of the batch (Schroff et al., 2015: FaceNet, section 3.2).

    Those with ``d(a, p) < d(a, n) <= d(a, p) + margin``; no draw. The published code of ooDML draws one of
    them for each anchor, and another negative where there is none.
    """

    settings_type = SemihardSettings

    def __init__(self, settings: SemihardSettings) -> None:
        super().__init__(settings)
        self.miner = TripletMarginMiner(margin=settings.margin, type_of_triplets="semihard")

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        triplets: Triplets = self.miner(embeddings, labels)
        return triplets
