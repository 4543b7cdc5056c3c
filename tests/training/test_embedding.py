from __future__ import annotations

from collections.abc import Iterator

import torch

from oodml_bench.training.embedding import embed
from tests.training.training_samples import SIDE, small_network


def test_batches_are_drawn_outside_of_inference_mode() -> None:
    """Else a batch of the next epoch that a loader hands over meanwhile could not be trained on."""
    drawn: list[torch.Tensor] = []

    def batches() -> Iterator[torch.Tensor]:
        for _ in range(3):
            drawn.append(torch.ones(2, 3, SIDE, SIDE))
            yield drawn[-1]

    embeddings = embed(small_network(), batches(), torch.device("cpu"))
    assert embeddings.shape == (6, 8)
    assert not any(batch.is_inference() for batch in drawn)


def test_the_mode_of_the_network_is_put_back() -> None:
    for mode in (True, False):
        network = small_network().train(mode)
        embed(network, [torch.ones(2, 3, SIDE, SIDE)], torch.device("cpu"))
        assert network.training is mode
