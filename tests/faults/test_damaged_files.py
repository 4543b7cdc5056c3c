"""Files that were damaged after they had been written: computed again, or an error that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from oodml_bench.errors import BenchmarkFileError, FeatureError, RunError
from oodml_bench.features import open_features
from oodml_bench.splits import load_benchmark
from tests.faults import work
from tests.faults.conftest import begun
from tests.faults.outcomes import outcome


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """Change one bit of one feature, which no structure of the file tells."""
    feature = pq.read_table(path)["feature"].combine_chunks().flatten().to_numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(feature)] ^= 1
    path.write_bytes(content)


def replaced(path: Path) -> None:
    path.write_text("something else")


@pytest.mark.parametrize("damaged", [truncated, emptied, flipped, replaced])
@pytest.mark.parametrize("complete", [True, False])
def test_a_damaged_part_is_refused_by_readers_and_computed_again_by_the_same_extraction(
    damaged: Callable[[Path], None], complete: bool, prepared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    work.extracting(prepared, out)
    expected = outcome(out)
    damaged(out / "part-00003.parquet")
    if complete:
        with pytest.raises(FeatureError, match=r"(?s)part-00003\.parquet cannot be read.*run the same extract command"):
            list(open_features(out).batches())
    else:
        meta = json.loads((out / "meta.json").read_text())
        (out / "meta.json").write_text(json.dumps(meta | {"complete": False}))
        (out / "part-00007.parquet").unlink()
    work.extracting(prepared, out)
    assert outcome(out) == expected


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused_and_training_begins_anew_without_it(
    kept: float, prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    work.training(prepared, out)
    (out / "results.jsonl").unlink()
    checkpoint = out / "checkpoint.pt"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(RunError, match=r"checkpoint\.pt cannot be read.*Delete it to begin this run anew"):
        work.training(prepared, out)
    checkpoint.unlink()
    work.training(prepared, out)
    assert outcome(out) == undisturbed(work.training)


@pytest.mark.parametrize("stale", ["small_splits.pkl", "small_splits.json"])
def test_a_pair_of_which_one_file_is_older_is_refused_and_building_again_mends_it(
    stale: str, prepared: Path, tmp_path: Path
) -> None:
    # What a kill between the two renames leaves.
    out = begun(work.building, prepared, tmp_path / "out")
    work.building(prepared, out, seed=1)
    older = (out / stale).read_bytes()
    work.building(prepared, out)
    expected = outcome(out)
    (out / stale).write_bytes(older)
    with pytest.raises(BenchmarkFileError, match="hold different benchmarks"):
        load_benchmark(out / "small_splits.pkl")
    work.building(prepared, out)
    assert outcome(out) == expected
    assert load_benchmark(out / "small_splits.pkl") == load_benchmark(out / "small_splits.json")
