"""The kinds of files that are read: a valid one of each, what damages it, and what reads it.

Each imports what it needs when it is used: a process reads files of one kind, and starts in a second.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile import mutations
from tests.hostile.mutations import Mutation


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes
    ----------
    file
        The file that is damaged, in a folder of its own.
    make
        Makes valid files in a folder.
    read
        Reads `file`.
    shaped
        Mutations that know the format.
    """

    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    shaped: Sequence[Mutation] = ()


def levels() -> dict[int, Any]:
    """Give two levels as the published pickles hold them: NumPy scalars, shared lists, numbers among the names."""
    names = [np.str_(f"class {number:02}") for number in range(12)]
    train, test = names[:6], names[6:]
    episodes = {2: {0: {name: [f"{shot}.jpg" for shot in range(2)] for name in test}, 1: list(test)}}
    parts = {"split_train": train[:4], "split_val": [1, 2], "test_episodes": episodes}
    return {number: {"train": train, "test": test, "fid": np.float64(number), **parts} for number in (1, 2)}


def _json_benchmark(folder: Path) -> None:
    plain = json.loads(json.dumps(levels()))
    for level in plain.values():
        level |= {"split_val": ["a"], "step": "R1", "swaps": 3, "left_out": {"2": {"a": 1}}, "interval": [0.1, 2.0]}
    step = {"id": "0", "fid": 1.0, "mean_term": 0.5, "covariance_term": 0.5, "removed": ["a"]}
    provenance = {"tool_version": "1", "dataset_fingerprint": None, "features": {"d": 3}, "settings": {"s": [1, 2]}}
    document = {
        "schema_version": 1,
        "name": "small",
        "provenance": provenance,
        "notes": ["a note"],
        "samples": {"class 00": ["a.jpg"]},
        "walks": [{"kind": "harder", "steps": [step, step]}],
        "levels": plain,
    }
    (folder / "x.json").write_text(json.dumps(document))


def _benchmark(path: Path) -> object:
    from oodml_bench.splits.files import load_benchmark

    return load_benchmark(path)


def _recipe(path: Path) -> object:
    from oodml_bench.training.recipe_files import load_recipe

    return load_recipe(path)


def _array_features(path: Path) -> object:
    from oodml_bench.features.arrays import read_arrays

    return read_arrays(path)


def _embeddings(path: Path) -> object:
    from oodml_bench.evaluation.embeddings_file import read_embeddings

    return read_embeddings(path)


def _scores(path: Path) -> object:
    from oodml_bench.evaluation.results import read_results

    return read_results(path)


def _store(folder: Path) -> None:
    from oodml_bench.features.store_meta import DatasetMeta, StoreMeta, WeightsMeta
    from oodml_bench.features.store_writing import Rows, begin_store, finish_store, write_part

    random = np.random.default_rng(0)
    classes = [f"class {row // 8}" for row in range(32)]
    rows = Rows(
        samples=[f"{name}/{row}.png" for row, name in enumerate(classes)],
        classes=classes,
        superclasses=["all", None] * 16,
        features=random.normal(size=(32, 5)).astype(np.float32),
    )
    meta = StoreMeta(
        dataset=DatasetMeta(name="x", fingerprint="0", sample_count=32, default_halves=None),
        backbone="tiny",
        weights=WeightsMeta(id="0", sha256="0"),
        transform="none",
        dimension=5,
        precision="float32",
        part_size=32,
        versions={"torch": "2"},
    )
    store = begin_store(folder / "store", meta)
    write_part(store, 0, rows)
    finish_store(store, ["broken.png"])


def _rows_of_store(part: Path) -> None:
    from oodml_bench.features.store import FeatureStore

    for batch in FeatureStore.open(part.parent).batches():
        batch.to_pylist()


def _parquet_embeddings(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    names = [f"class {row // 8}" for row in range(40)]
    columns = {"sample": [f"{row}.png" for row in range(40)], "class": names, "embedding": list(rows)}
    pq.write_table(pa.table(columns), folder / "x.parquet")


def _arrays(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    names = np.array([f"class {row // 4}" for row in range(12)])
    np.savez(folder / "x.npz", features=rows, classes=names, samples=np.arange(12), embeddings=rows)


def _results(folder: Path) -> None:
    from oodml_bench.evaluation.results import ResultRow, write_results

    rows = [ResultRow("b", level, 1.5, "margin", 0, "last", 0, None, None, "recall", 0.5) for level in range(6)]
    write_results(folder / "results.jsonl", rows)


RECIPE = b"""
[objective]
name = "margin"
beta = 0.6

[miner]
name = "distance"

[optimiser]
lr = 1e-5

[training]
epochs = 20

[datasets."cars*|sop".objective]
beta = 0.9
"""

KINDS = {
    "pickle": Kind(
        "x.pkl",
        lambda folder: (folder / "x.pkl").write_bytes(pickle.dumps(levels(), protocol=2)),
        _benchmark,
        [mutations.other_instruction, mutations.random_instructions],
    ),
    "pickle4": Kind(
        "x.pkl",
        lambda folder: (folder / "x.pkl").write_bytes(pickle.dumps(levels(), protocol=4)),
        _benchmark,
        [mutations.other_instruction],
    ),
    "json": Kind("x.json", _json_benchmark, _benchmark, [mutations.other_value]),
    "toml": Kind("x.toml", lambda folder: (folder / "x.toml").write_bytes(RECIPE), _recipe, [mutations.other_setting]),
    "parquet": Kind("store/part-00000.parquet", _store, _rows_of_store),
    "meta": Kind("store/meta.json", _store, _rows_of_store, [mutations.other_value]),
    "parquet-embeddings": Kind("x.parquet", _parquet_embeddings, _embeddings),
    "npz": Kind("x.npz", _arrays, _array_features, [mutations.other_member]),
    "results": Kind("results.jsonl", _results, _scores, [mutations.other_value]),
}
