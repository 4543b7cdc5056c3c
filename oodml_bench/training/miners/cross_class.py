"""Triplets of three classes."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml_bench.training.miners.distance import DistanceMiner, DistanceSettings, distance_weights, draw
from oodml_bench.training.miners.miner import Triplets


class CrossClassSettings(DistanceSettings):
    """Settings of `cross_class`: those of `distance`."""


class CrossClassMiner(DistanceMiner):
    """Triplets whose three samples are of three classes (Milbich et al., 2020: DiVA, class-shared features).

    Every sample is an anchor, where the batch holds three classes. The positive is drawn uniformly from the samples of
    other classes, and the negative, by distance as in `distance`, from those of the classes of neither. What such
    triplets teach is shared by classes.
    """

    settings_type = CrossClassSettings

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        anchors = torch.arange(len(labels), device=labels.device)
        if len(torch.unique(labels)) < 3:
            return anchors[:0], anchors[:0], anchors[:0]
        other = labels[:, None] != labels
        positives = draw(other.float())
        third = other & (labels[positives][:, None] != labels)
        distances = torch.cdist(embeddings, embeddings)
        weights = distance_weights(distances, third, embeddings.shape[1], self.lower_cutoff, self.upper_cutoff)
        return anchors, positives, draw(weights)
