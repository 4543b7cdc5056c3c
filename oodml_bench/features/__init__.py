"""What the images look like: backbones, extraction, the feature store, class means.

Names that need torch are loaded on first use, so that reading features does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oodml_bench.features.class_means import ClassMeans, class_means
from oodml_bench.features.features import Features, feature_matrix, features_from_arrays, open_features
from oodml_bench.features.store import FeatureStore

if TYPE_CHECKING:
    from oodml_bench.features.backbones import Backbone, load_backbone
    from oodml_bench.features.extraction import Extraction, extract

__all__ = [
    "Backbone",
    "ClassMeans",
    "Extraction",
    "FeatureStore",
    "Features",
    "class_means",
    "extract",
    "feature_matrix",
    "features_from_arrays",
    "load_backbone",
    "open_features",
]

_NEED_TORCH = {
    "Backbone": "backbones",
    "load_backbone": "backbones",
    "Extraction": "extraction",
    "extract": "extraction",
}


def __getattr__(name: str) -> Any:
    if name not in _NEED_TORCH:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(f"{__name__}.{_NEED_TORCH[name]}"), name)
