"""What methods learn from some classes helps with others."""

import pytest
import torch

from oodml_bench.training.embedder import Embedder, EmbeddingSettings
from oodml_bench.training.methods import (
    S2SD,
    Criterion,
    DiVA,
    DiVASettings,
    Method,
    S2SDSettings,
    UniformPrior,
    UniformPriorSettings,
)
from oodml_bench.training.miners import build_miner
from oodml_bench.training.objectives import build_objective

CLASSES, PER_CLASS, STEPS = 40, 12, 150


def make(dimension, *, miner=None):
    own = None if miner is None else build_miner(miner)
    return build_objective({"name": "margin"}, class_count=CLASSES, dimension=dimension, miner=own)


def samples(generator):
    """Give features and labels: 6 numbers that differ between classes, and 26 that say nothing."""
    labels = torch.arange(CLASSES).repeat_interleave(PER_CLASS)
    telling = torch.randn(CLASSES, 6, generator=generator)[labels]
    telling = telling + 0.4 * torch.randn(len(labels), 6, generator=generator)
    return torch.cat([telling, torch.randn(len(labels), 26, generator=generator)], dim=1), labels


def view(inputs, generator):
    """Change samples at random: what says nothing more than the rest."""
    return inputs + torch.tensor([0.1] * 6 + [1.0] * 26) * torch.randn(inputs.shape, generator=generator)


def recall_at_1(embedder, inputs, labels):
    with torch.no_grad():
        embeddings = embedder(inputs)
    nearest = (embeddings @ embeddings.T).fill_diagonal_(-torch.inf).argmax(dim=1)
    return (labels[nearest] == labels).double().mean().item()


def train(embedder, method, inputs, labels, generator):
    """Take steps on batches of 20 classes, 4 samples each; give the losses."""
    optimiser = torch.optim.Adam([{"params": list(embedder.parameters())}, *method.parameter_groups()], lr=5e-3)
    losses = []
    for _ in range(STEPS):
        classes = torch.randperm(CLASSES, generator=generator)[:20, None]
        batch = (classes * PER_CLASS + torch.randint(PER_CLASS, (20, 4), generator=generator)).flatten()
        method.before_step(embedder)
        outputs = embedder.outputs(view(inputs[batch], generator))
        loss = method(outputs, labels[batch], view(inputs[batch], generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def untrained(part_weights=(1.0,)):
    torch.manual_seed(0)
    return Embedder(None, 32, EmbeddingSettings(dimension=32), seed=0, part_weights=part_weights)


def diva(**miners):
    embedder = untrained((0.75, 1.25, 1.25, 1.25))
    settings = DiVASettings(separation=5, temperature=0.1, queue_batches=5, **miners)
    return embedder, DiVA(settings, make, embedder, batch_size=80, lr=1e-3)


def s2sd():
    settings = S2SDSettings(dimensions=(64, 96), features_delay=0)
    return untrained(), S2SD(settings, make, dimension=32, features=32, lr=1e-3)


def uniform_prior():
    prior = UniformPrior(UniformPriorSettings(chunk=8, hidden=16, on="embeddings"), width=32, lr=1e-3)
    return untrained(), Criterion(Method(make(32)), prior)


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: diva(), id="DiVA as in the study"),
        pytest.param(
            lambda: diva(shared_miner={"name": "cross_class"}, intra_miner={"name": "intra_class"}),
            id="DiVA as in the paper",
        ),
        pytest.param(s2sd, id="S2SD"),
        pytest.param(uniform_prior, id="Uniform Prior"),
    ],
)
def test_the_loss_falls_and_recall_on_other_classes_rises(made):
    generator = torch.Generator().manual_seed(0)
    inputs, labels = samples(generator)
    others, other_labels = samples(generator)
    embedder, method = made()
    before = recall_at_1(embedder, others, other_labels)
    losses = train(embedder, method, inputs, labels, generator)
    # Over three seeds the least gain of DiVA was measured at 0.33.
    assert recall_at_1(embedder, others, other_labels) > before + 0.2
    # DiVA's loss is low at first, while there are few negatives.
    first = 10 if isinstance(method, DiVA) else 0
    assert sum(losses[-20:]) < 0.97 * sum(losses[first : first + 20])
