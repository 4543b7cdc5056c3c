"""The description of a feature store before it is written."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from oodml_bench.features.store_meta import DatasetMeta, Halves, StoreMeta, WeightsMeta

if TYPE_CHECKING:
    from oodml_bench.datasets.dataset import Dataset
    from oodml_bench.features.backbones import Backbone


def meta_of(dataset: Dataset, fingerprint: str, backbone: Backbone, precision: str, part_size: int) -> StoreMeta:
    """Describe the store of a dataset's features.

    Parameters
    ----------
    dataset, fingerprint
        The dataset, and its fingerprint.
    backbone, precision
        What computes the features, and how precisely.
    part_size
        Samples of one file of the store.
    """
    halves = dataset.default_halves
    return StoreMeta(
        dataset=DatasetMeta(
            name=dataset.name,
            fingerprint=fingerprint,
            sample_count=dataset.sample_count,
            default_halves=None if halves is None else Halves(train=list(halves[0]), test=list(halves[1])),
        ),
        backbone=backbone.name,
        weights=WeightsMeta(id=backbone.weights_id, sha256=backbone.weights_sha256),
        transform=backbone.transform_description,
        dimension=backbone.dimension,
        precision=precision,
        part_size=part_size,
        versions=_versions(backbone),
    )


def _versions(backbone: Backbone) -> dict[str, str]:
    used = ["torch", "torchvision", "pillow"]
    if type(backbone.module).__module__.startswith("timm."):
        used.append("timm")
    return {library: version(library) for library in used}
