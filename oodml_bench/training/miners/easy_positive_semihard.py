"""Easy-positive semi-hard mining."""

from __future__ import annotations

from pytorch_metric_learning.miners import BatchEasyHardMiner
from torch import Tensor

from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


class EasyPositiveSemihardSettings(Settings):
    """`easy_positive_semihard` has no settings."""


class EasyPositiveSemihardMiner(Miner):
    """The nearest positive, and the nearest negative that is farther than it (Xuan et al., 2020).

    An anchor gives one triplet; none where it has no positive, or no negative beyond its nearest positive. No draw.
    """

    settings_type = EasyPositiveSemihardSettings

    def __init__(self, settings: EasyPositiveSemihardSettings) -> None:
        super().__init__(settings)
        self.miner = BatchEasyHardMiner(BatchEasyHardMiner.EASY, BatchEasyHardMiner.SEMIHARD)

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        # The library gives pairs, of each kind one for every anchor.
        anchors, positives, _, negatives = self.miner(embeddings, labels)
        return anchors, positives, negatives
