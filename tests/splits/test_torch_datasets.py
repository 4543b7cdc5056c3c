"""Levels and episodes as torch datasets."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision import transforms
from torchvision.datasets import ImageFolder

from oodml_bench.datasets import open_dataset
from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError, SplitError
from tests.training.few_shot_samples import with_episodes
from tests.training.training_samples import picture_benchmark, picture_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder of pictures, one folder a class."""
    root, dataset = tmp_path_factory.mktemp("pictures"), picture_dataset()
    for name in dataset.classes:
        (root / name).mkdir()
        for sample in dataset.samples[name]:
            dataset.images.open(sample).save(root / name / f"{name_in_class(name, sample)}.png")
    return root


@pytest.fixture
def benchmark(folder):
    dataset = open_dataset(f"folder:{folder}")
    made = with_episodes(picture_benchmark())
    levels = {
        number: replace(
            level,
            test_episodes={
                2: {
                    episode: {name: tuple(f"{sample}.png" for sample in samples) for name, samples in drawn.items()}
                    for episode, drawn in level.test_episodes[2].items()
                }
            },
        )
        for number, level in made.levels.items()
    }
    assert len(dataset.classes) == 12
    return replace(made, levels=levels)


def test_parts_of_a_level(benchmark, folder):
    parts = benchmark.datasets(1, folder, transforms.ToTensor())
    level = benchmark.levels[1]
    assert parts.train.classes == tuple(sorted(level.split_train))
    assert parts.validation.classes == tuple(sorted(level.split_val))
    assert parts.test.classes == tuple(sorted(level.test))
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [24, 12, 36]
    everything = ImageFolder(folder, transforms.ToTensor())
    of_class = {name: [i for i, label in enumerate(everything.targets) if label == everything.class_to_idx[name]]
                for name in level.test}  # fmt: skip
    for index, label in enumerate(parts.test.targets):
        name = parts.test.classes[label]
        image, again = parts.test[index]
        assert again == label
        assert any(torch.equal(image, everything[other][0]) for other in of_class[name])


def test_without_validation_classes_all_train_classes_are_train(benchmark, folder):
    level = replace(benchmark.levels[1], split_train=(), split_val=())
    parts = replace(benchmark, levels={1: level}).datasets(1, folder)
    assert parts.validation is None
    assert parts.train.classes == tuple(sorted(level.train))
    assert parts.train[0][0].mode == "RGB"


@pytest.mark.parametrize("data", ["path", "spec", "dataset"])
def test_images_are_given_in_three_ways(benchmark, folder, data):
    given = {"path": str(folder), "spec": f"folder:{folder}", "dataset": open_dataset(f"folder:{folder}")}[data]
    parts = benchmark.datasets(2, given)
    assert len(parts.test) == 5 * 6


def test_an_episode(benchmark, folder):
    drawn = benchmark.levels[2].test_episodes[2][1]
    parts = benchmark.episode(2, 2, 1, folder)
    assert parts.support.classes == parts.query.classes == tuple(sorted(drawn))
    for label, name in enumerate(parts.support.classes):
        support = {s for s, t in zip(parts.support.samples, parts.support.targets, strict=True) if t == label}
        assert support == {f"{name}/{sample}" for sample in drawn[name]}
        queries = {s for s, t in zip(parts.query.samples, parts.query.targets, strict=True) if t == label}
        assert len(queries) == 4
        assert not support & queries


def test_an_episode_of_whole_classes(benchmark, folder):
    level = replace(benchmark.levels[1], test_episodes={2: {0: ("class 08", "class 06")}})
    parts = replace(benchmark, levels={1: level}).episode(1, 2, 0, folder)
    assert parts.support.classes == ("class 06", "class 08")
    assert parts.query.classes == ("class 07", "class 09", "class 10", "class 11")
    assert (len(parts.support), len(parts.query)) == (12, 24)


def test_they_serve_a_loader_with_workers(benchmark, folder):
    parts = benchmark.datasets(1, folder, transforms.ToTensor())
    loader = torch.utils.data.DataLoader(parts.train, batch_size=10, num_workers=1)
    images, labels = zip(*loader, strict=True)
    assert torch.cat(images).shape == (24, 3, 20, 20)
    assert np.bincount(torch.cat(labels)).tolist() == [6] * 4


def test_what_is_not_there(benchmark, folder, tmp_path):
    with pytest.raises(SplitError, match="there is no level 9 in the benchmark pictures; it has 1, 2"):
        benchmark.datasets(9, folder)
    with pytest.raises(SplitError, match=r"no episode 3 of 2 shots; it has 2 shots: 3, counted from 0"):
        benchmark.episode(1, 2, 3, folder)
    level = benchmark.levels[1]
    support = {**level.test_episodes[2][0], "class 06": ("gone.png",)}
    broken = replace(benchmark, levels={1: replace(level, test_episodes={2: {0: support}})})
    with pytest.raises(DatasetError, match=r"class 'class 06' lacks 1 support samples of this episode, such as 'gone"):
        broken.episode(1, 2, 0, folder)
    other = replace(benchmark, levels={1: replace(level, train=("nothing", *level.train))})
    with pytest.raises(
        DatasetError, match="lacks 1 classes of this level of the benchmark pictures, such as 'nothing'"
    ):
        other.datasets(1, folder)
    with pytest.raises(DatasetError):
        benchmark.datasets(1, tmp_path / "nowhere")
