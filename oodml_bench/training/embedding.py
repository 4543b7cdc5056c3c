"""Embeddings of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from oodml_bench.features.spooling import spooled
from oodml_bench.training.memory import explained_full_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray


def embed(network: torch.nn.Module, inputs: Iterable[torch.Tensor], device: torch.device) -> NDArray[np.float32]:
    """Give what a network makes of batches of inputs: (N, D) float32, in their order, as `spooled` keeps a matrix.

    Computed in float32 whatever a training run computes with, and in evaluation mode; the mode is put back.

    Parameters
    ----------
    network
        (B, ...) to (B, D), on the device.
    inputs
        At least one batch.
    device
        Where.

    Raises
    ------
    TrainingError
        Where the GPU's memory is full.
    OutputError
        Where there is no room for many embeddings on disk.
    """
    training = network.training
    network.eval()
    try:
        with explained_full_memory():
            return spooled(_embedded(network, batch, device) for batch in inputs)
    finally:
        network.train(training)


def _embedded(network: torch.nn.Module, batch: torch.Tensor, device: torch.device) -> NDArray[np.float32]:
    # No wider: where one stream feeds training too, a loader may hand over batches of the next epoch ahead of time,
    # and tensors that come into being in inference mode cannot be trained on.
    with torch.inference_mode():
        embedded: NDArray[np.float32] = network(batch.to(device, non_blocking=True)).float().cpu().numpy()
        return embedded
