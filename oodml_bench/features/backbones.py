"""Backbones: the networks that turn a picture into a feature vector."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

import torch

from oodml_bench.errors import BackboneError
from oodml_bench.features.networks import Channels, Network, Transform, efficientnet_lite0, resnet50, timm_model
from oodml_bench.features.weights import state_digest

if TYPE_CHECKING:
    from pathlib import Path

#: What the names of timm's models start with.
TIMM_PREFIX = "timm:"

_NAMED = {"resnet50": resnet50, "efficientnet_lite0": efficientnet_lite0}


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network with weights and a transform: everything that decides which features a picture gets.

    Attributes
    ----------
    name
        `resnet50`, `efficientnet_lite0` or `timm:NAME`; any name for a network of your own.
    weights_id
        Which weights these are, for people.
    weights_sha256
        SHA-256 over the weights as loaded, in hexadecimal: equal digest, equal weights.
    module
        (B, 3, S, S) float32 to (B, D), in evaluation mode. Extraction moves it to its device.
    transform
        An RGB picture to (3, S, S) float32. Picklable, since loader processes receive a copy.
    transform_description
        The transform in words. Features of two descriptions are never mixed.
    dimension
        D.
    image_size
        S, in pixels; None where the network takes pictures of any size.
    mean, std
        What the transform subtracts from the channels, in [0, 1], and divides them by: for transforms of training.
    """

    name: str
    weights_id: str
    weights_sha256: str
    module: torch.nn.Module = field(repr=False)
    transform: Transform = field(repr=False)
    transform_description: str
    dimension: int
    image_size: int | None = None
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)


def load_backbone(name: str = "resnet50", *, weights: Path | None = None, image_size: int | None = None) -> Backbone:
    """Load a backbone with its weights.

    Parameters
    ----------
    name
        `resnet50`: torchvision's, with its `IMAGENET1K_V1` weights, 2048 values, resize 256 and centre crop 224.
        `efficientnet_lite0`: timm's, with weights from an installed package, so without any network, 1280 values.
        `timm:NAME`: any model of timm with its own weights and evaluation transform.
    weights
        Load these local weights instead: a `.pt`, `.pth` or `.safetensors` file.
    image_size
        Side in pixels of what the network sees, where it is not to be its usual one; resizing scales in proportion.

    Raises
    ------
    BackboneError
        Where the name is unknown, the weights do not fit, or the network does not take this size.
    WeightsUnavailableError
        Where pretrained weights are neither on this machine nor within reach.
    MissingExtraError
        Where the package with the weights of `efficientnet_lite0` is not installed.
    """
    if image_size is not None and image_size < 1:
        raise BackboneError(f"image size {image_size} is not a positive number of pixels")
    network = _network(name, weights, image_size)
    network.module.eval()
    return Backbone(
        name=name,
        weights_id=network.weights_id,
        weights_sha256=state_digest(network.module),
        module=network.module,
        transform=network.transform,
        transform_description=network.transform_description,
        dimension=_dimension(name, network),
        image_size=network.image_size,
        mean=network.mean,
        std=network.std,
    )


def _network(name: str, weights: Path | None, image_size: int | None) -> Network:
    if build := _NAMED.get(name):
        return build(weights, image_size)
    if name.startswith(TIMM_PREFIX):
        return timm_model(name.removeprefix(TIMM_PREFIX), weights, image_size)
    raise BackboneError(_unknown(name))


def _unknown(name: str) -> str:
    import timm

    allowed = f"unknown backbone {name!r}; allowed: {', '.join(_NAMED)} and {TIMM_PREFIX}NAME"
    if timm.is_model(name):
        return f"{allowed}. Did you mean {TIMM_PREFIX}{name}?"
    close = get_close_matches(name, [*_NAMED, *(TIMM_PREFIX + model for model in timm.list_models())])
    return f"{allowed}." + (f" Close names: {', '.join(close)}." if close else "")


def _dimension(name: str, network: Network) -> int:
    """Find the length of the feature vector by asking the network: timm's attributes disagree between models."""
    side = network.image_size
    try:
        with torch.inference_mode():
            output = network.module(torch.zeros(1, 3, side, side))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise BackboneError(f"backbone {name} does not take pictures of {side} pixels: {error}") from error
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise BackboneError(f"backbone {name} does not give one vector a picture")
    return output.shape[1]
