"""Soft-hard mining."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml_bench.training.miners.distance import draw, usable_anchors
from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


class SofthardSettings(Settings):
    """`softhard` has no settings."""


class SofthardMiner(Miner):
    """Random draws among what is hard for an anchor (Roth and Brattoli, 2019).

    Each anchor with a positive and a negative in the batch gives one triplet: a positive that is farther away than
    its nearest negative, and a negative that is nearer than its farthest positive, each drawn uniformly; any positive,
    any negative, where there is none such.
    """

    settings_type = SofthardSettings

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        anchors, positive, negative = usable_anchors(labels)
        if len(anchors) == 0:
            return anchors, anchors, anchors
        distances = torch.cdist(embeddings, embeddings)[anchors]
        nearest_negative = distances.masked_fill(~negative, torch.inf).amin(dim=1, keepdim=True)
        farthest_positive = distances.masked_fill(~positive, -torch.inf).amax(dim=1, keepdim=True)
        hard_positives = positive & (distances > nearest_negative)
        hard_negatives = negative & (distances < farthest_positive)
        return anchors, draw(_preferred(hard_positives, positive)), draw(_preferred(hard_negatives, negative))


def _preferred(preferred: Tensor, allowed: Tensor) -> Tensor:
    """Give equal weights to what is preferred in each row, and to all that is allowed where nothing is."""
    return torch.where(preferred.any(dim=1, keepdim=True), preferred, allowed).float()
