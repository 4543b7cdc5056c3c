from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch

from oodml_bench.errors import RecipeError
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.weights import state_digest
from oodml_bench.training.embedder import BackboneSettings, Embedder, EmbeddingSettings
from oodml_bench.training.pooling import set_pooling
from tests.training.training_samples import equal_states, small_backbone, small_network

PICTURES = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def embedder(*, seed: int = 0, **settings: object) -> Embedder:
    freeze_bn = bool(settings.pop("freeze_bn", False))
    return Embedder.on(
        small_backbone(), BackboneSettings(freeze_bn=freeze_bn), EmbeddingSettings(dimension=4, **settings), seed=seed
    )


def running_statistics(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: buffer.clone() for name, buffer in network.named_buffers()}


def test_embeddings_are_the_linear_layer_of_the_backbone_s_features() -> None:
    plain, unit = embedder(normalise=False).eval(), embedder().eval()
    expected = small_network().eval()(PICTURES) @ plain.head.weight.T + plain.head.bias
    torch.testing.assert_close(plain(PICTURES), expected)
    torch.testing.assert_close(unit(PICTURES), expected / expected.norm(dim=1, keepdim=True))
    assert plain(PICTURES).dtype == torch.float32


def test_features_go_straight_to_the_linear_layer() -> None:
    head = Embedder(None, 7, EmbeddingSettings(dimension=3, normalise=False), seed=0)
    features = torch.randn(4, 7)
    torch.testing.assert_close(head(features), head.head(features))
    assert len(head.parameter_groups(lr=1.0, head_lr=None, weight_decay=0.0)) == 1


def test_the_seed_alone_decides_the_linear_layer() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first, second, other = embedder(seed=3), embedder(seed=3), embedder(seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert equal_states(first.state_dict(), second.state_dict())
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize(("features", "dimension"), [(6, 4), (4, 6)])
def test_orthogonal_first_weights_keep_lengths(features: int, dimension: int) -> None:
    made = Embedder(None, features, EmbeddingSettings(dimension=dimension, initial="orthogonal"), seed=0).head
    products = made.weight @ made.weight.T if dimension < features else made.weight.T @ made.weight
    torch.testing.assert_close(products, torch.eye(min(features, dimension)), atol=1e-5, rtol=0)
    assert not made.bias.any()


def test_the_given_backbone_stays_as_it_is() -> None:
    backbone = small_backbone()
    made = Embedder.on(backbone, BackboneSettings(pooling="average+max"), EmbeddingSettings(dimension=4), seed=0)
    made(PICTURES).sum().backward()
    with torch.no_grad():
        made.backbone.conv.weight.zero_()
    assert state_digest(backbone.module) == backbone.weights_sha256
    assert not backbone.module.training
    assert isinstance(backbone.module.avgpool, torch.nn.AdaptiveAvgPool2d)


@pytest.mark.parametrize("freeze_bn", [False, True])
def test_frozen_batch_norms_keep_their_statistics_and_train_their_scale(freeze_bn: bool) -> None:
    made = embedder(freeze_bn=freeze_bn).train()
    before = running_statistics(made)
    made(PICTURES)[:, 0].sum().backward()
    assert equal_states(running_statistics(made), before) == freeze_bn
    assert made.backbone.drop.training
    assert made.backbone.bn.training != freeze_bn
    assert made.backbone.bn.weight.grad.abs().sum() > 0


def test_freezing_reaches_timm_s_batch_norms() -> None:
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    frozen = Embedder(network, network.num_features, EmbeddingSettings(dimension=4), seed=0, freeze_bn=True).train()
    before = running_statistics(frozen)
    frozen(torch.randn(2, 3, 32, 32))
    assert equal_states(running_statistics(frozen), before)
    assert len(before) > 10


def test_a_held_backbone_does_not_change_until_it_is_let_go() -> None:
    made = embedder()
    made.hold_backbone(True)
    made.train()
    before = running_statistics(made)
    made(PICTURES)[:, 0].sum().backward()
    assert made.head.weight.grad is not None
    assert all(weights.grad is None for weights in made.backbone.parameters())
    assert equal_states(running_statistics(made), before)
    made.hold_backbone(False)
    made(PICTURES)[:, 0].sum().backward()
    assert made.backbone.conv.weight.grad.abs().sum() > 0
    assert not equal_states(running_statistics(made), before)


def test_the_linear_layer_computes_in_float32_under_autocast() -> None:
    made = embedder(normalise=False).eval()
    given: list[torch.dtype] = []
    made.head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert made(PICTURES).dtype == torch.float32
        assert made.backbone(PICTURES).dtype == torch.bfloat16
    assert given == [torch.float32]


def test_learning_rate_groups() -> None:
    made = embedder()
    backbone, head = made.parameter_groups(lr=0.1, head_lr=0.5, weight_decay=0.2)
    assert {id(weights) for weights in backbone["params"]} == {id(weights) for weights in made.backbone.parameters()}
    assert {id(weights) for weights in head["params"]} == {id(weights) for weights in made.head.parameters()}
    assert (backbone["lr"], head["lr"], backbone["weight_decay"], head["weight_decay"]) == (0.1, 0.5, 0.2, 0.2)
    assert made.parameter_groups(lr=0.1, head_lr=None, weight_decay=0.2)[1]["lr"] == 0.1


def with_max(name: str, network: torch.nn.Module, pool: str, side: int = 64) -> None:
    """Compare pooled features with the average plus the maximum of what goes into the pooling."""
    network.eval()
    maps: list[torch.Tensor] = []
    pictures = torch.randn(2, 3, side, side)
    hook = network.get_submodule(pool).register_forward_pre_hook(lambda _, inputs: maps.append(inputs[0]))
    with torch.inference_mode():
        average = network(pictures)
        hook.remove()
        set_pooling(network, "average+max", name)
        both = network(pictures)
    assert both.shape == average.shape
    torch.testing.assert_close(average, maps[0].mean((2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both, maps[0].mean((2, 3)) + maps[0].amax((2, 3)), rtol=1e-4, atol=1e-5)


def test_the_maximum_is_added_in_resnet50() -> None:
    from torchvision.models import resnet50

    network = resnet50()
    network.fc = torch.nn.Identity()
    with_max("resnet50", network, "avgpool")


@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0", "test_efficientnet", "test_resnet"])
def test_the_maximum_is_added_in_networks_of_timm(name: str) -> None:
    with_max(name, timm.create_model(name, pretrained=False, num_classes=0), "global_pool")


def test_the_maximum_is_added_before_a_norm_that_follows_the_pooling() -> None:
    network = timm.create_model("test_convnext", pretrained=False, num_classes=0).eval()
    pictures = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        feature_map = network.forward_features(pictures)
        set_pooling(network, "average+max", "test_convnext")
        pooled = feature_map.mean((2, 3), keepdim=True) + feature_map.amax((2, 3), keepdim=True)
        torch.testing.assert_close(network(pictures), network.head.norm(pooled).flatten(1))


@pytest.mark.parametrize("name", ["test_vit", "vit_tiny_patch16_224"])
def test_a_network_without_a_feature_map_is_refused(name: str) -> None:
    network = timm.create_model(name, pretrained=False, num_classes=0)
    with pytest.raises(RecipeError, match=f"{name} does not average one feature map"):
        set_pooling(network, "average+max", name)
    set_pooling(network, "average", name)


def test_local_weights_are_loaded(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_resnet", num_classes=3).state_dict(), tmp_path / "w.pt")
    backbone: Backbone = load_backbone("timm:test_resnet", weights=tmp_path / "w.pt", image_size=32)
    assert (backbone.image_size, len(backbone.mean), len(backbone.std)) == (32, 3, 3)
    made = Embedder.on(backbone, BackboneSettings(), EmbeddingSettings(dimension=4), seed=0)
    assert made(torch.randn(2, 3, 32, 32)).shape == (2, 4)
