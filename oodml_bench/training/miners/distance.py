"""Distance-weighted mining."""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor

from oodml_bench.training.miners.miner import Miner, Triplets
from oodml_bench.training.settings import Settings


class DistanceSettings(Settings):
    """Settings of `distance`.

    Attributes
    ----------
    lower_cutoff
        Negatives that are nearer than this are drawn as if they were this far away.
    upper_cutoff
        Negatives from this distance on are drawn only by anchors that have no other.
    """

    lower_cutoff: float = Field(default=0.5, gt=0, lt=2)
    upper_cutoff: float = Field(default=1.4, gt=0, lt=2)

    @model_validator(mode="after")
    def _in_order(self) -> DistanceSettings:
        if self.lower_cutoff >= self.upper_cutoff:
            raise ValueError(f"lower_cutoff must be below upper_cutoff, which is {self.upper_cutoff}")
        return self


class DistanceMiner(Miner):
    """Distance-weighted sampling (Wu et al., 2017: Sampling Matters in Deep Embedding Learning, section 4).

    Each anchor that has a positive and a negative in the batch gives one triplet. The positive is drawn uniformly. The
    negative is drawn in proportion to `1 / q(d)`, where `q` is the density of distances between uniform points of the
    unit sphere of the embedding's dimension D::

        log q(d) = (D - 2) log d + (D - 3) / 2 log(1 - d^2 / 4)

    so that all distances from `lower_cutoff` to `upper_cutoff` come up alike.

    This is our own and not pytorch-metric-learning's `DistanceWeightedMiner`, which scales the weights of a batch by
    their common maximum: in 512 dimensions those of most anchors vanish in float32 beside those of an anchor with a
    near negative, and the anchors are dropped. Here weights are scaled for each anchor. The published code of ooDML
    has no upper cutoff, so that it prefers negatives beyond the typical distance of 1.41 to those at it, and lets a
    sample without a positive be its own positive.
    """

    settings_type = DistanceSettings

    def __init__(self, settings: DistanceSettings) -> None:
        super().__init__(settings)
        self.lower_cutoff = settings.lower_cutoff
        self.upper_cutoff = settings.upper_cutoff

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """See `Miner.mine`."""
        return sample_by_distance(embeddings, labels, self.lower_cutoff, self.upper_cutoff)


def sample_by_distance(embeddings: Tensor, labels: Tensor, lower_cutoff: float, upper_cutoff: float) -> Triplets:
    """Draw one triplet for each anchor that has a positive and a negative; see `DistanceMiner`.

    Parameters
    ----------
    embeddings
        Unit vectors, shape (B, D).
    labels
        Shape (B,), int64.
    lower_cutoff, upper_cutoff
        See `DistanceSettings`.
    """
    anchors, positive, negative = usable_anchors(labels)
    if len(anchors) == 0:
        return anchors, anchors, anchors
    distances = torch.cdist(embeddings[anchors], embeddings)
    weights = distance_weights(distances, negative, embeddings.shape[1], lower_cutoff, upper_cutoff)
    return anchors, draw(positive.float()), draw(weights)


def usable_anchors(labels: Tensor) -> Triplets:
    """Give the anchors (A,) that have a positive and a negative, and which samples these are, shapes (A, B)."""
    same = labels[:, None] == labels
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchors = torch.nonzero(positive.any(dim=1) & ~same.all(dim=1)).flatten()
    return anchors, positive[anchors], ~same[anchors]


def draw(weights: Tensor) -> Tensor:
    """Draw a column for each row (A, B) by the row's weights, from torch's global generator; shape (A,).

    Weights of embeddings that are not finite count as 1: their loss tells of them, and torch stops a GPU for good.
    """
    return torch.multinomial(weights.nan_to_num(nan=1.0), 1).flatten()


def log_distance_weights(
    distances: Tensor, negative: Tensor, dimension: int, lower_cutoff: float, upper_cutoff: float
) -> Tensor:
    """Give the logarithms of the weights by which anchors draw negatives, up to a constant for each anchor.

    Parameters
    ----------
    distances
        Between unit vectors: of anchors to samples, shape (A, B).
    negative
        Which samples are negatives of which anchors, shape (A, B); at least one of each anchor.
    dimension
        Of the vectors.
    lower_cutoff, upper_cutoff
        See `DistanceSettings`.

    Returns
    -------
    Tensor
        Shape (A, B); minus infinity for what is not to be drawn.
    """
    near = negative & (distances < upper_cutoff)
    # An anchor whose negatives are all far away draws among all of them alike: clipped, they have one weight.
    allowed = torch.where(near.any(dim=1, keepdim=True), near, negative)
    clipped = distances.clamp(lower_cutoff, upper_cutoff)
    log_weights = (2 - dimension) * clipped.log() - (dimension - 3) / 2 * (1 - clipped**2 / 4).log()
    return log_weights.masked_fill(~allowed, -torch.inf)


def distance_weights(
    distances: Tensor, negative: Tensor, dimension: int, lower_cutoff: float, upper_cutoff: float
) -> Tensor:
    """Give the weights (A, B) themselves, the largest of a row being 1; see `log_distance_weights`."""
    log_weights = log_distance_weights(distances, negative, dimension, lower_cutoff, upper_cutoff)
    return (log_weights - log_weights.amax(dim=1, keepdim=True)).exp()
