"""Triplets of one class."""

from __future__ import annotations

import torch
from torch import Tensor

from oodml_bench.training.miners.distance import draw
from oodml_bench.training.miners.miner import Miner, Triplets


class IntraClassMiner(Miner):
    """Triplets whose three samples are of one class (Milbich et al., 2020: DiVA, intra-class features).

    Every sample whose class has three in the batch is an anchor; positive and negative are two others of its class,
    drawn uniformly. What such triplets teach tells samples of a class apart. Batches need `per_class = 3` or more:
    with 2 there is no triplet. The published code draws all three with replacement, so that they may be the same.
    """

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:  # noqa: ARG002
        """See `Miner.mine`."""
        others = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        anchors = torch.nonzero(others.sum(dim=1) >= 2).flatten()
        if len(anchors) == 0:
            return anchors, anchors, anchors
        left = others[anchors].float()
        positives = draw(left)
        return anchors, positives, draw(left.scatter(1, positives[:, None], 0.0))
