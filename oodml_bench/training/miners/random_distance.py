"""Distance-weighted mining between random groups instead of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml_bench.training.miners.distance import DistanceMiner, DistanceSettings, sample_by_distance
from oodml_bench.training.miners.miner import Triplets


class RandomDistanceSettings(DistanceSettings):
    """Settings of `random_distance`: those of `distance`."""


class RandomDistanceMiner(DistanceMiner):
    """Distance-weighted sampling after the labels were shuffled in the batch (Milbich et al., 2020: DiVA).

    What such triplets teach is common to all classes. The groups are new in every batch, of the sizes of its classes.
    """

    settings_type = RandomDistanceSettings

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        groups = labels[torch.randperm(len(labels), device=labels.device)]
        return sample_by_distance(embeddings, groups, self.lower_cutoff, self.upper_cutoff)
