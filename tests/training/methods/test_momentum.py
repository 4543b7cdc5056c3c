"""The momentum encoder."""

import pytest
import torch

from oodml_bench.training.embedder import BackboneSettings, Embedder, EmbeddingSettings
from oodml_bench.training.methods.momentum import MomentumEncoder
from tests.training.training_samples import small_backbone

PICTURES = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def embedder(seed=0):
    return Embedder.on(small_backbone(seed), BackboneSettings(), EmbeddingSettings(dimension=4), seed=seed)


def test_it_follows_weights_slowly_and_takes_over_buffers():
    followed, other = embedder(), embedder(1)
    other.train()(PICTURES)
    made = MomentumEncoder(followed, 0.9)
    made.follow(other)
    made.follow(other)
    pairs = zip(made.encoder.parameters(), followed.parameters(), other.parameters(), strict=True)
    for own, old, new in pairs:
        torch.testing.assert_close(own.data, 0.81 * old.data + 0.19 * new.data)
    assert other.backbone.bn.num_batches_tracked == 1
    for own, new in zip(made.encoder.buffers(), other.buffers(), strict=True):
        assert torch.equal(own, new)


def test_it_shares_nothing_and_learns_nothing():
    followed = embedder()
    made = MomentumEncoder(followed, 0.5)
    before = [weights.clone() for weights in made.encoder.state_dict().values()]
    with torch.no_grad():
        for weights in followed.parameters():
            weights.add_(1)
    assert all(torch.equal(one, other) for one, other in zip(before, made.encoder.state_dict().values(), strict=True))
    assert not any(weights.requires_grad for weights in made.parameters())
    assert not made(PICTURES).embeddings.requires_grad
    assert all(weights.requires_grad for weights in followed.parameters())


def test_it_is_in_the_mode_of_what_it_follows():
    followed = embedder()
    made = MomentumEncoder(followed, 0.5)
    for training in (False, True):
        made.follow(followed.train(training))
        assert made.encoder.training == made.encoder.backbone.bn.training == training


@pytest.mark.parametrize("freeze_bn", [False, True])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_each_of_its_modules_is_in_the_mode_of_the_followed(training, held, freeze_bn):
    settings = BackboneSettings(freeze_bn=freeze_bn)
    followed = Embedder.on(small_backbone(), settings, EmbeddingSettings(dimension=4), seed=0)
    made = MomentumEncoder(followed, 0.5)
    followed.hold_backbone(held)
    followed.train(training)
    made.train(not training)
    made.follow(followed)
    modes = [module.training for module in followed.modules()]
    assert [module.training for module in made.encoder.modules()] == modes
    assert made.encoder.backbone.bn.training == (training and not held and not freeze_bn)


def test_its_own_passes_leave_no_trace_in_its_statistics():
    followed = embedder()
    made = MomentumEncoder(followed, 0.5)
    for _ in range(2):
        made(PICTURES)
        followed(PICTURES + 1)
        made.follow(followed)
        for own, copied in zip(made.encoder.buffers(), followed.buffers(), strict=True):
            assert torch.equal(own, copied)
