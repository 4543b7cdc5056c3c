from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from oodml_bench.errors import RecipeError
from oodml_bench.features.backbones import Backbone
from oodml_bench.training.augmentation import RATIOS, RandomTransform, random_box, training_transform
from tests.training.training_samples import SIDE


def picture(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([(0.08, 1.0), (0.8, 1.0)]),
    st.integers(0, 2**32),
)
def test_a_box_lies_inside_the_picture(width: int, height: int, scales: tuple[float, float], seed: int) -> None:
    top, left, cut_height, cut_width = random_box(width, height, scales, np.random.default_rng(seed))
    assert 0 <= top <= top + cut_height <= height
    assert 0 <= left <= left + cut_width <= width
    assert cut_height > 0
    assert cut_width > 0


def test_boxes_are_spread_as_torchvision_s() -> None:
    rng = np.random.default_rng(0)
    ours = np.array([random_box(200, 150, (0.08, 1.0), rng) for _ in range(4000)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        given_picture = picture(200, 150)
        theirs = np.array([RandomResizedCrop.get_params(given_picture, [0.08, 1.0], list(RATIOS)) for _ in range(4000)])
    for column in range(4):
        spread = math.hypot(ours[:, column].std(), theirs[:, column].std()) / math.sqrt(4000)
        assert abs(ours[:, column].mean() - theirs[:, column].mean()) < 4 * spread
    shares = (ours[:, 2] * ours[:, 3]) / (200 * 150)
    assert 0.07 < shares.min() < 0.1
    assert shares.max() > 0.9


def test_what_never_fits_is_cut_in_the_centre() -> None:
    assert random_box(300, 30, (0.8, 1.0), np.random.default_rng(0)) == (0, 130, 30, 40)
    assert random_box(30, 300, (0.8, 1.0), np.random.default_rng(0)) == (130, 0, 40, 30)


def test_light_cuts_most_of_the_picture() -> None:
    rng = np.random.default_rng(0)
    shares = [
        height * width / (64 * 64) for _, _, height, width in (random_box(64, 64, (0.8, 1), rng) for _ in range(500))
    ]
    assert min(shares) > 0.75


@pytest.mark.parametrize("name", ["standard", "light"])
def test_the_generator_alone_decides(name: str, backbone: Backbone) -> None:
    transform = training_transform(name, backbone)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, again, other = (transform(picture(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, SIDE, SIDE)
    assert first.dtype == torch.float32
    assert torch.equal(pickle.loads(pickle.dumps(transform))(picture(), np.random.default_rng(1)), first)


def test_only_standard_mirrors() -> None:
    left_dark = Image.fromarray(np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 60, 0).repeat(3, 2))
    zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    for flip, mirrored in ((True, 0.5), (False, 0.0)):
        transform = RandomTransform(16, (0.8, 1.0), flip, zero, one)
        made = [transform(left_dark, np.random.default_rng(seed)) for seed in range(400)]
        share = np.mean([float(tensor[0, :, 0].mean()) > float(tensor[0, :, -1].mean()) for tensor in made])
        assert share == pytest.approx(mirrored, abs=0.1 if flip else 0)


def test_pictures_are_normalised_as_in_evaluation(backbone: Backbone) -> None:
    grey = Image.new("RGB", (20, 20), (51, 102, 204))
    made = training_transform("standard", backbone)(grey, np.random.default_rng(0))
    torch.testing.assert_close(made, backbone.transform(grey), atol=1e-6, rtol=0)


def test_none_is_the_transform_of_evaluation(backbone: Backbone) -> None:
    square = picture(24, 24)
    made = training_transform("none", backbone)(square, np.random.default_rng(0))
    assert torch.equal(made, backbone.transform(square))


def test_a_backbone_without_a_size_cannot_cut() -> None:
    sizeless = Backbone("own", "w", "0", torch.nn.Flatten(), lambda _: torch.zeros(3), "none", 3)
    with pytest.raises(RecipeError, match=r"own does not say the size.*image_size"):
        training_transform("light", sizeless)
    training_transform("none", sizeless)
