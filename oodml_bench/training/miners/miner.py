"""What a miner is."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from oodml_bench.training.settings import Settings

#: Positions in a batch of anchors, positives and negatives: three int64 tensors of one shape (T,).
Triplets = tuple[Tensor, Tensor, Tensor]


class Miner(torch.nn.Module):
    """A rule that picks triplets in a batch.

    A subclass names its settings in `settings_type`, takes them as the argument of `__init__`, and implements `mine`.
    All its random choices come from torch's global generator, which the trainer seeds: from that of the device on which
    the embeddings are, or that of the CPU.
    """

    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Pick triplets.

        Parameters
        ----------
        embeddings
            Shape (B, D), of any length and precision: the miner normalises them and computes in float32, also under
            autocast. No gradient flows.
        labels
            Shape (B,), int64.

        Returns
        -------
        anchors, positives, negatives
            Positions in the batch, shape (T,) each, int64, on the device of the embeddings; T may be 0. Losses of
            pytorch-metric-learning take them as `indices_tuple`.
        """
        with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
            widened = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            return self.mine(functional.normalize(widened), labels)

    def mine(self, embeddings: Tensor, labels: Tensor) -> Triplets:
        """Pick triplets from embeddings of unit length."""
        raise NotImplementedError
