"""The miner of R-Margin."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from oodml_bench.training.miners.distance import DistanceSettings, sample_by_distance
from oodml_bench.training.miners.miner import Miner, Triplets


class RhoDistanceSettings(DistanceSettings):
    """Settings of `rho_distance`: those of `distance`, and one more.

    Attributes
    ----------
    probability
        How often the negative is another sample of the anchor's own class.
    """

    probability: float = Field(default=0.2, ge=0, le=1)


class RhoDistanceMiner(Miner):
    """Distance-weighted sampling that sometimes pushes samples of one class apart (Roth et al., 2020).

    With the given probability an anchor a gives the triplet (a, a, n) with n another sample of its own class, drawn
    uniformly: the positive term of a loss vanishes, and its negative term keeps the class from becoming a point.
    Else it gives the triplet of `distance`. With the margin loss this is R-Margin.
    """

    settings_type = RhoDistanceSettings

    def __init__(self, settings: RhoDistanceSettings) -> None:
        super().__init__(settings)
        self.lower_cutoff = settings.lower_cutoff
        self.upper_cutoff = settings.upper_cutoff
        self.probability = settings.probability

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        anchors, positives, negatives = sample_by_distance(embeddings, labels, self.lower_cutoff, self.upper_cutoff)
        switched = torch.rand(len(anchors), device=anchors.device) < self.probability
        # A positive is another sample of the anchor's class, drawn uniformly: what a switched anchor needs as negative.
        return anchors, torch.where(switched, anchors, positives), torch.where(switched, positives, negatives)
