from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image

from oodml_bench.datasets import ImageSource
from oodml_bench.errors import DatasetError
from oodml_bench.features.backbones import Backbone
from oodml_bench.training.augmentation import training_transform
from oodml_bench.training.batches import BatchPlan, BatchSettings
from oodml_bench.training.inputs import Batch, FeatureInputs, PictureInputs, in_order
from oodml_bench.training.samples import Samples
from tests.training.training_samples import picture_dataset

DATASET = picture_dataset()
SAMPLES = Samples.of(DATASET)


def picture_inputs(backbone: Backbone, *, seed: int = 0, workers: int = 0, images: ImageSource = DATASET.images):
    transform = training_transform("standard", backbone)
    return PictureInputs(SAMPLES.names, images, transform, backbone.transform, seed, workers)


def two_epochs(start: int = 0) -> Iterator[Batch]:
    plan = BatchPlan(SAMPLES.set_of(SAMPLES.rows_of), BatchSettings(size=10), seed=0)
    for epoch in range(start, 2):
        yield from plan.to_load(epoch)
        yield from in_order(np.arange(20), 7)


def test_features_are_those_of_the_rows() -> None:
    matrix = torch.arange(20.0).reshape(10, 2)
    inputs = FeatureInputs(matrix)
    batches = [Batch(np.array([3, 1]), 0, 0), Batch(np.array([9]), 0, 2)]
    assert [batch.tolist() for batch in inputs.load(batches)] == [[[6, 7], [2, 3]], [[18, 19]]]
    assert torch.equal(torch.cat(list(inputs.load(in_order(np.arange(10)[::-1].copy(), 3)))), matrix.flip(0))


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_pictures_do_not_depend_on_the_number_of_workers(backbone: Backbone) -> None:
    alone, helped = (list(picture_inputs(backbone, workers=workers).load(two_epochs())) for workers in (0, 2))
    assert [len(batch) for batch in alone] == 2 * [*[10] * 7, 7, 7, 6]
    assert all(map(torch.equal, alone, helped))


def test_a_later_epoch_is_the_same_whether_earlier_ones_came_before(backbone: Backbone) -> None:
    inputs = picture_inputs(backbone)
    whole, continued = list(inputs.load(two_epochs())), list(inputs.load(two_epochs(start=1)))
    assert len(continued) == 10
    assert all(map(torch.equal, whole[10:], continued))


def test_the_same_picture_is_changed_anew_in_every_place(backbone: Backbone) -> None:
    row = np.array([5, 5])
    batches = [Batch(row, 0, 0), Batch(row, 0, 2), Batch(row, 1, 0)]
    made = torch.cat(list(picture_inputs(backbone).load(batches)))
    assert len(made) == 6  # also twice in a batch
    assert len({tuple(picture.flatten().tolist()) for picture in made}) == 6
    other = torch.cat(list(picture_inputs(backbone, seed=1).load(batches)))
    assert not torch.equal(made[0], other[0])


def test_evaluation_changes_nothing(backbone: Backbone) -> None:
    first = next(picture_inputs(backbone).load([Batch(np.array([7]))]))
    assert torch.equal(first[0], backbone.transform(DATASET.images.open(SAMPLES.names[7])))


def test_torch_s_random_state_is_left_alone(backbone: Backbone) -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    list(picture_inputs(backbone).load(two_epochs()))
    assert torch.equal(torch.random.get_rng_state(), before)


@dataclass(frozen=True)
class OneBroken:
    """Has one picture that cannot be read."""

    def open(self, sample: str) -> Image.Image:
        if sample == SAMPLES.names[4]:
            raise OSError(f"cannot read the picture {sample}: truncated")
        return DATASET.images.open(sample)

    def digest(self, sample: str) -> bytes:
        return DATASET.images.digest(sample)


def test_a_broken_picture_is_named(backbone: Backbone) -> None:
    inputs = picture_inputs(backbone, images=OneBroken())
    for batches in (two_epochs(), in_order(np.arange(8), 3)):
        with pytest.raises(DatasetError, match=f"cannot be used: .*{SAMPLES.names[4]}.*Repair it"):
            list(inputs.load(batches))


def test_views_follow_one_another_and_differ(backbone: Backbone) -> None:
    inputs, rows = picture_inputs(backbone), np.array([5, 8, 5])
    (one,), (two,) = (list(inputs.load([Batch(rows, 0, 4, views)])) for views in (1, 2))
    assert len(two) == 6
    assert torch.equal(two[:3], one)
    assert not any(torch.equal(first, second) for first, second in zip(two[:3], two[3:], strict=True))
    features = FeatureInputs(torch.arange(20.0).reshape(10, 2))
    assert next(features.load([Batch(np.array([3, 1]), 0, 0, 2)])).tolist() == 2 * [[6, 7], [2, 3]]
