from __future__ import annotations

from pathlib import Path

import pytest
import torch

from oodml_bench.features.backbones import Backbone, load_backbone
from tests.features.feature_samples import tiny_backbone, write_pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def tiny() -> Backbone:
    return tiny_backbone()


@pytest.fixture(scope="session")
def lite0() -> Backbone:
    return load_backbone("efficientnet_lite0", image_size=64)


@pytest.fixture(scope="session")
def resnet50_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seeded random weights of ResNet-50, with a classifier of other size than ImageNet's."""
    from torchvision.models import resnet50

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({"epoch": 3, "state_dict": resnet50(num_classes=7).state_dict()}, file)
    return file
