"""Pictures changed at random while training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torchvision.transforms import InterpolationMode, functional

from oodml_bench.errors import RecipeError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from oodml_bench.features.backbones import Backbone
    from oodml_bench.features.networks import Channels, Transform

Augmentation = Literal["standard", "light", "none"]

#: Width over height of what is cut out, and how often it is tried to find a cut that lies inside the picture.
RATIOS = (3 / 4, 4 / 3)
_TRIES = 10

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class RandomTransform:
    """A picture to the tensor that is trained on.

    Attributes
    ----------
    side
        Of the square that is cut out and resized to, in pixels.
    scales
        The least and the greatest share of the picture's area that is cut out.
    flip
        Whether half of the pictures are mirrored.
    mean, std
        What is subtracted from the channels, in [0, 1], and what they are divided by.
    """

    side: int
    scales: tuple[float, float]
    flip: bool
    mean: Channels
    std: Channels

    def __call__(self, picture: Image, rng: np.random.Generator) -> torch.Tensor:
        """Change a picture at random: (3, side, side) float32."""
        box = random_box(picture.width, picture.height, self.scales, rng)
        cut = functional.resized_crop(picture, *box, [self.side, self.side], InterpolationMode.BILINEAR)
        if self.flip and rng.random() < 0.5:
            cut = functional.hflip(cut)
        return functional.normalize(functional.to_tensor(cut), list(self.mean), list(self.std), inplace=True)


@dataclass(frozen=True)
class FixedTransform:
    """The transform of evaluation, for training without augmentation."""

    transform: Transform

    def __call__(self, picture: Image, _: np.random.Generator) -> torch.Tensor:
        """Transform a picture; nothing is random."""
        return self.transform(picture)


def training_transform(name: Augmentation, backbone: Backbone) -> RandomTransform | FixedTransform:
    """Give the transform of training.

    Parameters
    ----------
    name
        `standard`: a cut of 8 % to 100 % of the area, flipped or not (the published study's). `light`: a cut of 80 % to
        100 %, never flipped, for pictures whose orientation or whole shape tells the class. `none`: as in evaluation.
    backbone
        Decides the size and the normalisation.

    Raises
    ------
    RecipeError
        Where pictures are to be cut, and the backbone does not say to which size.
    """
    if name == "none":
        return FixedTransform(backbone.transform)
    if backbone.image_size is None:
        raise RecipeError(
            f"[training] augmentation = {name!r}: the backbone {backbone.name} does not say the size of its pictures. "
            'Give it an `image_size`, or set augmentation = "none".'
        )
    scales = (0.08, 1.0) if name == "standard" else (0.8, 1.0)
    return RandomTransform(backbone.image_size, scales, name == "standard", backbone.mean, backbone.std)


def random_box(width: int, height: int, scales: tuple[float, float], rng: np.random.Generator) -> Box:
    """Draw what is cut out of a picture: top, left, height and width, as torchvision's `RandomResizedCrop` does.

    Area uniform, ratio log-uniform between 3/4 and 4/3; where ten draws do not lie inside the picture, the greatest cut
    in its centre whose ratio is allowed.
    """
    low, high = map(math.log, RATIOS)
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*scales)
        ratio = math.exp(rng.uniform(low, high))
        cut_width, cut_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < cut_width <= width and 0 < cut_height <= height:
            top, left = rng.integers(height - cut_height + 1), rng.integers(width - cut_width + 1)
            return int(top), int(left), cut_height, cut_width
    cut_width = min(width, round(height * RATIOS[1]))
    cut_height = min(height, round(width / RATIOS[0]))
    return (height - cut_height) // 2, (width - cut_width) // 2, cut_height, cut_width
