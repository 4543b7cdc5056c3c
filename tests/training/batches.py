"""Small batches for tests of objectives and miners."""

import itertools

import torch
from torch.nn import functional

from oodml_bench.training.miners import Miner
from oodml_bench.training.settings import Settings


def batch(counts=(3, 2, 2, 1), dimension=5, seed=0, spread=1.0):
    """Give float64 embeddings of various lengths, drawn around a centre of each class, and shuffled labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=generator)]
    centres = torch.randn(len(counts), dimension, generator=generator, dtype=torch.float64)
    noise = torch.randn(len(labels), dimension, generator=generator, dtype=torch.float64)
    return centres[labels] + spread * noise, labels


def unit(embeddings):
    return functional.normalize(embeddings.detach().double()).numpy()


def all_triplets(labels):
    """Give all triplets of a batch, one after the other."""
    labels = labels.tolist()
    return [
        (a, p, n)
        for a, p, n in itertools.product(range(len(labels)), repeat=3)
        if a != p and labels[a] == labels[p] != labels[n]
    ]


def as_tensors(triplets):
    return tuple(torch.tensor([triplet[place] for triplet in triplets], dtype=torch.int64) for place in range(3))


class Everything(Miner):
    """Gives all triplets of a batch: no draw."""

    def __init__(self):
        super().__init__(Settings())

    def mine(self, embeddings, labels):  # noqa: ARG002
        return as_tensors(all_triplets(labels))


class Given(Miner):
    """Gives the triplets that it was told."""

    def __init__(self, triplets):
        super().__init__(Settings())
        self.triplets = triplets

    def mine(self, embeddings, labels):  # noqa: ARG002
        return as_tensors(self.triplets)
