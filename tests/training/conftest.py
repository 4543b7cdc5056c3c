from __future__ import annotations

import pytest

from oodml_bench.features.backbones import Backbone
from oodml_bench.training.material import Material
from tests.training.training_samples import feature_material, picture_material, small_backbone


@pytest.fixture
def backbone() -> Backbone:
    return small_backbone()


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Give a benchmark of array features, and the features."""
    return feature_material(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="session")
def pictures() -> Material:
    """Give a benchmark of small pictures, and the pictures."""
    return picture_material()
