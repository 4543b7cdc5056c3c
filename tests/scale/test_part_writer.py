from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from oodml_bench.errors import OutputError
from oodml_bench.features import FeatureStore
from oodml_bench.features.store_meta import DatasetMeta, StoreMeta, WeightsMeta
from oodml_bench.scale.part_writer import Batch, PartWriter
from oodml_bench.scale.problems import raise_problem


def store(folder: Path) -> FeatureStore:
    meta = StoreMeta(
        dataset=DatasetMeta(name="given", fingerprint="f", sample_count=12, default_halves=None),
        backbone="none",
        weights=WeightsMeta(id="none", sha256="0"),
        transform="none",
        dimension=2,
        precision="float32",
        part_size=6,
        versions={},
    )
    return FeatureStore(folder, meta)


def batch(part: int, place: int, names: list[tuple[str, str]]) -> Batch:
    features = np.array([[part, float(sample)] for _, sample in names], np.float32).reshape(-1, 2)
    return Batch(part, place, 3, names, features)


BATCHES = [
    batch(part, place, [("b" if place else "a", str(6 * part + 2 * place + which)) for which in range(2)])
    for part in range(2)
    for place in range(3)
]


def test_parts_are_the_same_in_whatever_order_and_however_often_batches_come(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    files: list[list[bytes]] = []
    for turn in range(6):
        own = store(tmp_path / str(turn))
        writer = PartWriter(own, {"a": "first", "b": "second"})
        order = random.permutation(len(BATCHES))
        said = []
        for index in order:
            said += [writer.add(BATCHES[index]), *([writer.add(BATCHES[index])] if said and turn % 2 else [])]
        assert [answer for answer in said if answer is not None][:1] == [6]
        files.append([path.read_bytes() for path in own.part_paths])
    assert all(written == files[0] for written in files)
    table = pq.read_table(tmp_path / "0" / "part-00001.parquet")
    assert table["sample"].to_pylist() == list(map(str, range(6, 12)))
    assert table["superclass"].to_pylist() == ["first"] * 2 + ["second"] * 4
    assert table["feature"].to_pylist() == [[1.0, float(number)] for number in range(6, 12)]


def test_a_part_waits_for_its_last_batch_and_is_forgotten_then(tmp_path: Path) -> None:
    writer = PartWriter(store(tmp_path), {})
    assert [writer.add(one) for one in BATCHES[:3]] == [None, None, 6]
    assert not writer.begun
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_a_part_without_a_single_picture_is_written_too(tmp_path: Path) -> None:
    writer = PartWriter(store(tmp_path), {})
    assert [writer.add(batch(0, place, [])) for place in range(3)] == [None, None, 0]
    assert pq.read_table(tmp_path / "part-00000.parquet").num_rows == 0


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = PartWriter(store(tmp_path / "file"), {})
    answer = [writer.add(one) for one in BATCHES[:3]][-1]
    assert isinstance(answer, str)
    with pytest.raises(OutputError, match="cannot write"):
        raise_problem(answer)
