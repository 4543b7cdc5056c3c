"""What a feature store says about itself: `meta.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, ValidationError

from oodml_bench.errors import FeatureError
from oodml_bench.output import write_bytes
from oodml_bench.reading.bounded import MEBIBYTE, UnreadableError, read_bounded
from oodml_bench.reading.cutting import cut, quoted
from oodml_bench.reading.json_files import parse_json

if TYPE_CHECKING:
    from pathlib import Path

META_NAME = "meta.json"

#: The layout that this version writes and reads.
SCHEMA_VERSION = 1

#: Length of the longest `meta.json` that is read: it names what was skipped.
MOST_BYTES = 64 * MEBIBYTE

#: Most parts of a store, as many as their names have digits for.
MOST_PARTS = 100_000

#: Most values of a feature, and most rows of a part.
MOST_DIMENSION = MOST_ROWS = 2**20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class Halves(_Part):
    """The train and the test classes of the dataset's own split."""

    train: list[str]
    test: list[str]


class DatasetMeta(_Part):
    """The dataset that the features are of; `sample_count` includes samples that were skipped."""

    name: str
    fingerprint: str
    sample_count: PositiveInt
    default_halves: Halves | None


class WeightsMeta(_Part):
    """The weights that the features were made with."""

    id: str
    sha256: str


class StoreMeta(_Part):
    """The content of `meta.json`.

    `skipped` names the samples that were left out as broken. Only a store that is `complete` may be read.
    """

    schema_version: int = SCHEMA_VERSION
    dataset: DatasetMeta
    backbone: str
    weights: WeightsMeta
    transform: str
    dimension: PositiveInt
    precision: str
    part_size: PositiveInt
    versions: dict[str, str]
    skipped: list[str] = []
    complete: bool = False

    @property
    def part_count(self) -> NonNegativeInt:
        """The number of parts that the complete store has."""
        return -(-self.dataset.sample_count // self.part_size)

    def identity(self) -> dict[str, str | int]:
        """Give everything that must be equal for features to belong in the same store."""
        return {
            "dataset fingerprint": self.dataset.fingerprint,
            "backbone": self.backbone,
            "weights sha256": self.weights.sha256,
            "transform": self.transform,
            "dimension": self.dimension,
            "precision": self.precision,
            "part size": self.part_size,
        }


def write_meta(folder: Path, meta: StoreMeta) -> None:
    """Write `meta.json` of a store.

    Raises
    ------
    FeatureError
        Where no store can be so large.
    """
    _check_bounds(meta, folder / META_NAME)
    text = json.dumps(meta.model_dump(), ensure_ascii=False, indent=1)
    write_bytes(folder / META_NAME, (text + "\n").encode())


def read_meta(folder: Path) -> StoreMeta:
    """Read `meta.json` of a store.

    Raises
    ------
    FeatureError
        Where it is damaged, of another schema version, or of a store that none can be.
    """
    path = folder / META_NAME
    try:
        content = parse_json(read_bounded(path, MOST_BYTES))
        version = content["schema_version"]
    except (OSError, UnreadableError, KeyError, TypeError) as error:
        raise FeatureError(f"{path} is not the description of a feature store: {quoted(error)}") from error
    if version != SCHEMA_VERSION:
        raise FeatureError(
            f"{path} has schema version {quoted(version)}; this version of oodml-bench reads {SCHEMA_VERSION}. "
            "Upgrade oodml-bench, or extract the features again into another folder."
        )
    try:
        meta = StoreMeta.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise FeatureError(f"{path} is not the description of a feature store: {cut(problems)}") from error
    _check_bounds(meta, path)
    return meta


def _check_bounds(meta: StoreMeta, path: Path) -> None:
    for name, value, most in (
        ("parts", meta.part_count, MOST_PARTS),
        ("values a feature", meta.dimension, MOST_DIMENSION),
        ("rows a part", meta.part_size, MOST_ROWS),
    ):
        if value > most:
            raise FeatureError(f"{path} tells of {quoted(value)} {name}; at most {most} are allowed")
