from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from oodml_bench.features import extract, feature_matrix, open_features


@dataclass(frozen=True)
class Side:
    """Stored features (N, D) of some classes, and which class each is of, from 0 (N,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


@pytest.fixture(scope="session")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    """Give 40 classes of glyphs to train on, and 40 others."""
    folder = tmp_path_factory.mktemp("glyphs") / "features"
    extract("glyphs:80", folder, backbone="efficientnet_lite0", image_size=64, workers=0)
    batches = list(open_features(folder).batches())
    features = np.concatenate([feature_matrix(batch) for batch in batches])
    _, classes = np.unique([name for batch in batches for name in batch["class"].to_pylist()], return_inverse=True)
    return tuple(Side(features[classes % 2 == half], classes[classes % 2 == half] // 2) for half in (0, 1))
