from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from oodml_bench.errors import FeatureError
from oodml_bench.features import FeatureStore
from oodml_bench.features.store_writing import Rows
from tests.features.feature_samples import contents, write_store

ROWS = Rows(
    samples=[f"ö'/{row}.png" for row in range(10)],
    classes=["ö'"] * 4 + ["a b"] * 6,
    superclasses=[None] * 4 + ["top"] * 6,
    features=np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32),
)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return write_store(tmp_path / "store", ROWS, part_size=4)


def test_any_parquet_reader_opens_the_parts(store: FeatureStore) -> None:
    table = pyarrow.dataset.dataset(sorted(store.path.glob("*.parquet"))).to_table()
    assert table.schema.names == ["sample", "class", "superclass", "feature"]
    assert table.schema.field("feature").type == pa.list_(pa.float32(), 3)
    assert table["sample"].to_pylist() == ROWS.samples
    assert table["superclass"].to_pylist() == ROWS.superclasses
    np.testing.assert_array_equal(np.array(table["feature"].to_pylist(), np.float32), ROWS.features)


def test_equal_rows_give_equal_bytes(store: FeatureStore, tmp_path: Path) -> None:
    write_store(tmp_path / "again", ROWS, part_size=4)
    assert contents(tmp_path / "again") == contents(store.path)


def test_a_store_without_its_last_step_is_unfinished(store: FeatureStore) -> None:
    edit(store, complete=False)
    with pytest.raises(FeatureError, match="unfinished: its last step is missing"):
        FeatureStore.open(store.path)


def test_a_store_without_a_part_is_unfinished(store: FeatureStore) -> None:
    store.part_paths[1].rename(store.path / ".unfinished-part-00001.parquet")
    with pytest.raises(FeatureError, match="1 of 3 parts are missing"):
        FeatureStore.open(store.path)


def test_a_newer_store_is_refused(store: FeatureStore) -> None:
    edit(store, schema_version=2)
    with pytest.raises(FeatureError, match=r"schema version 2; this version of oodml-bench reads 1\. Upgrade"):
        FeatureStore.open(store.path)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"complete": true}', '{"schema_version": 1}', "\udcff"])
def test_a_damaged_description_is_refused(store: FeatureStore, text: str) -> None:
    (store.path / "meta.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(FeatureError, match="is not the description of a feature store"):
        FeatureStore.open(store.path)


def test_a_damaged_part_is_named(store: FeatureStore) -> None:
    part = store.part_paths[2]
    part.write_bytes(part.read_bytes()[:-10])
    with pytest.raises(FeatureError, match=r"part-00002.parquet cannot be read: .* Delete this file"):
        list(FeatureStore.open(store.path).batches())


def test_a_part_of_other_columns_is_named(store: FeatureStore) -> None:
    pq.write_table(pa.table({"x": [1]}), store.part_paths[0])
    with pytest.raises(FeatureError, match=r"part-00000.parquet does not have the columns"):
        list(store.batches())


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"is not a feature store: it holds no meta.json"):
        FeatureStore.open(tmp_path)


def test_reading_features_does_not_import_torch() -> None:
    code = "import sys, oodml_bench.features; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def edit(store: FeatureStore, **changes: object) -> None:
    path = store.path / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
