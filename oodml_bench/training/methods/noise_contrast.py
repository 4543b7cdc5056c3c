"""Noise-contrastive estimation against a queue of keys, with negatives weighted by distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from oodml_bench.training.miners.distance import log_distance_weights


class KeyQueue(torch.nn.Module):
    """The last keys, first in, first out; empty at first.

    Parameters
    ----------
    size
        Most keys that are kept.
    dimension
        Of a key.
    """

    keys: Tensor

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, dimension))
        # No tensor: to look at one, a GPU has to come to rest.
        self._added = 0

    def held(self) -> Tensor:
        """Give the keys that are there, (K, D)."""
        return self.keys[: min(self._added, len(self.keys))]

    @torch.no_grad()
    def add(self, keys: Tensor) -> None:
        """Keep the keys (B, D) in the place of the oldest; of more than there is room for, the last."""
        size = len(self.keys)
        kept = keys[-size:]
        first = self._added + len(keys) - len(kept)
        places = (first + torch.arange(len(kept), device=keys.device)) % size
        # Into a copy: the loss of these keys has yet to be backpropagated through the negatives that they replace.
        self.keys = self.keys.index_copy(0, places, kept)
        self._added += len(keys)

    def get_extra_state(self) -> dict[str, int]:
        """Give how many keys were added."""
        return {"added": self._added}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Take up a state that `get_extra_state` gave."""
        self._added = state["added"]


def noise_contrast(
    queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float, cutoffs: tuple[float, float] = (0.5, 1.4)
) -> Tensor:
    """Tell each query's key from negatives, as if these had been drawn by distance (Milbich et al., 2020, section 3).

    With cosines s+ of query and key and s_n of query and negative, K negatives, and weights w that sum up to 1 over
    the negatives of a query, in proportion to `1 / q(d)` of `oodml_bench.training.miners.distance.DistanceMiner`::

        L = mean of -log( exp(s+ / T) / (exp(s+ / T) + K sum_n w_n exp(s_n / T)) )

    the InfoNCE loss with the sum over its negatives replaced by what K negatives drawn by distance give in expectation.
    The published code of ooDML normalises the weights over the queries instead, and multiplies the cosines by them.

    Parameters
    ----------
    queries, keys
        Unit vectors (B, D); those of one row belong together.
    negatives
        Unit vectors (K, D); with none the loss is 0.
    temperature
        T.
    cutoffs
        Negatives nearer than the first are weighted as at it; those from the second on only where there are no others.

    Returns
    -------
    Tensor
        A scalar; no gradient flows to keys, negatives and weights.
    """
    if not len(negatives):
        return queries.sum() * 0
    negatives = negatives.detach()
    cosines = queries @ negatives.T
    with torch.no_grad():
        distances = (2 - 2 * cosines).clamp(min=0).sqrt()
        log_weights = log_distance_weights(
            distances, torch.ones_like(distances, dtype=torch.bool), queries.shape[1], *cutoffs
        )
        log_weights = log_weights.log_softmax(dim=1) + math.log(len(negatives))
    positive = (queries * keys.detach()).sum(dim=1, keepdim=True) / temperature
    logits = torch.cat([positive, cosines / temperature + log_weights], dim=1)
    return (logits.logsumexp(dim=1) - positive.squeeze(1)).mean()
