"""From a batch of pictures to their features: the network's part of an extraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from oodml_bench.errors import FeatureError
from oodml_bench.features.devices import autocast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Pictures that the network sees at once on the CPU, where a kernel, and with it the last bits of a feature, is chosen
#: by their number. Larger batches were measured to be no faster there.
CPU_BATCH = 32


def pictures_at_once(device_type: str, batch_size: int) -> int:
    """Give the number of pictures that go through the network at once, where the user asked for `batch_size`."""
    return CPU_BATCH if device_type == "cpu" else batch_size


@dataclass(frozen=True)
class Forward:
    """A network on its device.

    Attributes
    ----------
    module
        (B, 3, S, S) float32 to (B, D).
    device
        Where it computes; the module is moved there.
    precision
        See `choose_precision`.
    batch_size
        The most pictures of a batch.
    """

    module: torch.nn.Module
    device: torch.device
    precision: str
    batch_size: int

    def __post_init__(self) -> None:
        self.module.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, pictures: torch.Tensor, names: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Give the (B, D) float32 features of pictures, (B, 3, S, S) float32, of samples of these classes and names.

        Raises
        ------
        FeatureError
            Where a feature is not finite.
        """
        count = len(pictures)
        if self.device.type == "cpu":
            pictures = _filled_up(pictures, self.batch_size)
        batch = pictures.to(self.device, non_blocking=True, memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(self.precision, self.device):
            features: NDArray[np.float32] = self.module(batch)[:count].float().cpu().numpy()
        _refuse_not_finite(names, features)
        return features


def _filled_up(pictures: torch.Tensor, count: int) -> torch.Tensor:
    """Add blank pictures up to `count`: a batch that is cut short would be computed by another kernel."""
    return torch.cat([pictures, pictures.new_zeros(count - len(pictures), *pictures.shape[1:])])


def _refuse_not_finite(names: Sequence[tuple[str, str]], features: NDArray[np.float32]) -> None:
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        class_name, sample = names[bad[0]]
        raise FeatureError(
            f"the feature of image {sample} of class {class_name} is not finite (NaN or infinite). "
            "Use --precision float32, or other weights."
        )
