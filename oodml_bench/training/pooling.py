"""From a network's feature map to one vector: its own average, or the sum of average and maximum."""

from __future__ import annotations

from typing import Any, Literal

import torch

from oodml_bench.errors import RecipeError

Pooling = Literal["average", "average+max"]


class AverageMaxPooling(torch.nn.Module):
    """The average plus the maximum over the places of a feature map.

    Parameters
    ----------
    places
        The two axes of the places: (2, 3) for a map (B, C, H, W), (1, 2) for (B, H, W, C).
    flat
        Whether to give (B, C) instead of keeping both axes with one place each.
    """

    def __init__(self, places: tuple[int, int] = (2, 3), *, flat: bool = False) -> None:
        super().__init__()
        self.places = places
        self.flat = flat

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Pool a feature map."""
        keep = not self.flat
        return feature_map.mean(self.places, keepdim=keep) + feature_map.amax(self.places, keepdim=keep)


class MaximumKeeper(torch.nn.Module):
    """A pooling, and beside what it gives the maximum over the places, until it is taken.

    Parameters
    ----------
    pooling
        What the network pools with: it gets a feature map (B, C, H, W).
    places
        The two axes of the places.
    """

    def __init__(self, pooling: torch.nn.Module, places: tuple[int, int]) -> None:
        super().__init__()
        self.pooling = pooling
        self.places = places
        self._maximum: torch.Tensor | None = None

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        """Pool a feature map."""
        self._maximum = feature_map.amax(self.places)
        pooled: torch.Tensor = self.pooling(feature_map)
        return pooled

    def take(self) -> torch.Tensor | None:
        """Give the maximum, (B, C), over the last feature map, and forget it: what is kept cannot be copied."""
        maximum, self._maximum = self._maximum, None
        return maximum


def set_pooling(network: torch.nn.Module, pooling: Pooling, name: str) -> None:
    """Make a network pool its feature map in a way, in place.

    Parameters
    ----------
    network
        A network that gives its pooled features: torchvision's ResNet, or a convolutional network of timm.
    pooling
        `average` leaves the network as it is. `average+max` adds the maximum over the feature map to the average.
    name
        Name of the network, for messages.

    Raises
    ------
    RecipeError
        Where the network does not average one feature map at its end, as transformers with a class token.
    """
    if pooling == "average":
        return
    path = _final_average(network, f"[backbone] pooling = {pooling!r}", name)
    _replace(network, path, _average_max_like(network.get_submodule(path)))


def keep_maximum(network: torch.nn.Module, name: str) -> None:
    """Make a network keep the maximum over its feature map beside what it gives, in place; see `MaximumKeeper`.

    Raises
    ------
    RecipeError
        As `set_pooling` does.
    """
    path = _final_average(network, '[s2sd] pooling = "average+max"', name)
    pooling = network.get_submodule(path)
    _replace(network, path, MaximumKeeper(pooling, _average_max_like(pooling).places))


def _replace(network: torch.nn.Module, path: str, module: torch.nn.Module) -> None:
    parent, _, own_name = path.rpartition(".")
    setattr(network.get_submodule(parent), own_name, module)


def _final_average(network: torch.nn.Module, setting: str, name: str) -> str:
    """Find the one module that averages the feature map at the network's end."""
    found = [path for path, module in network.named_modules() if _is_final_average(path, module)]
    if len(found) != 1:
        raise RecipeError(
            f"{setting}: {name} does not average one feature map at its end. "
            'Set pooling = "average", or choose resnet50 or a convolutional network of timm.'
        )
    return found[0]


def _is_final_average(path: str, module: torch.nn.Module) -> bool:
    """Say whether this is torchvision's last pooling, `avgpool`, or what timm's `SelectAdaptivePool2d` pools with."""
    return _is_fast_average(module) or (path.rpartition(".")[2] in ("avgpool", "pool") and _averages_all(module))


def _averages_all(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))


def _average_max_like(average: Any) -> AverageMaxPooling:
    if _is_fast_average(average):
        return AverageMaxPooling(average.dim, flat=average.flatten)
    return AverageMaxPooling()


def _is_fast_average(module: torch.nn.Module) -> bool:
    from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool

    return isinstance(module, FastAdaptiveAvgPool)
