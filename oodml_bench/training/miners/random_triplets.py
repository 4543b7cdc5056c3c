"""Random mining."""

from __future__ import annotations

from pytorch_metric_learning.utils.loss_and_miner_utils import get_random_triplet_indices
from torch import Tensor

from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


class RandomSettings(Settings):
    """`random` has no settings."""


class RandomMiner(Miner):
    """One triplet for each anchor that has a positive and a negative, both drawn uniformly.

    The published code of ooDML draws as many from all triplets of the batch, so that anchors come up unequally often.
    """

    settings_type = RandomSettings

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:  # noqa: ARG002
        """See `Miner.mine`."""
        triplets: Triplets = get_random_triplet_indices(labels, t_per_anchor=1)
        return triplets
