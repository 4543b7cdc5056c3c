"""A copy of an embedder that follows it slowly."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from oodml_bench.training.embedder import Embedder, Outputs


class MomentumEncoder(torch.nn.Module):
    """The key network of momentum contrast (He et al., 2020): an exponential moving average of an embedder.

    Buffers, such as the running statistics of batch norms, are copied: the published code of DiVA leaves them at what
    they were at the beginning. Its shuffling of the batch for the keys is left out, since on one device the statistics
    of a batch are the same in any order.

    Parameters
    ----------
    embedder
        What is followed; copied as it is.
    momentum
        Share of the old weights in the new ones.
    """

    def __init__(self, embedder: Embedder, momentum: float) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(embedder).requires_grad_(False)
        self.momentum = momentum

    @torch.no_grad()
    def follow(self, embedder: Embedder) -> None:
        """Take a step towards the embedder's weights, and take over its buffers and modes."""
        for weights, followed in zip(self.encoder.parameters(), embedder.parameters(), strict=True):
            weights.lerp_(followed, 1 - self.momentum)
        for buffer, copied in zip(self.encoder.buffers(), embedder.buffers(), strict=True):
            buffer.copy_(copied)
        # One by one: in an embedder that is trained, parts may be held or frozen in evaluation mode.
        for module, other in zip(self.encoder.modules(), embedder.modules(), strict=True):
            module.training = other.training

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Outputs:
        """Give the outputs, without gradients."""
        return self.encoder.outputs(inputs)
