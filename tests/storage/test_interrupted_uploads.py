"""Work whose uploads are cut, or that is killed in the middle of one, goes on and ends as undisturbed work does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oodml_bench.errors import OutputError
from oodml_bench.features import extract
from oodml_bench.training.material import Material
from oodml_bench.training.running import train_run
from tests.features.feature_samples import contents, tiny_backbone, write_pictures
from tests.splits.benchmarks import small_benchmark
from tests.storage.s3_server import Connection, contents_at
from tests.training.training_samples import HEAD, recipe

#: Six parts.
PICTURES: dict[str, Any] = {"classes": 4, "samples": 6}
SIZES: dict[str, Any] = {"part_size": 4, "workers": 0}


def extracted(pictures: Path, out: object) -> int:
    return extract(f"folder:{pictures}", str(out), backbone=tiny_backbone(), **SIZES).computed


def main() -> None:
    """Extract, for a test that kills this process: `python -m … PICTURES OUT`."""
    print(extracted(Path(sys.argv[1]), sys.argv[2]))


@pytest.mark.parametrize("upload", [1, 2, 4, 7])
def test_an_extraction_whose_upload_is_cut(upload: int, connection: Connection, bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", **PICTURES)
    extracted(pictures, tmp_path / "here")
    expected = contents(tmp_path / "here")
    out = f"{bucket}/features"
    # The first is the description of the store, the last its mark that it is complete.
    connection.cut_from = connection.uploads + upload
    with pytest.raises(OutputError, match=rf"cannot write {out}/.*What is finished is kept: run the same command"):
        extracted(pictures, out)
    connection.whole()
    left = contents_at(out)
    assert all(left[name] == expected[name] for name in left if name != "meta.json")
    finished = [name for name in left if name.startswith("part-")]
    before = connection.uploads
    assert extracted(pictures, out) == 24 - 4 * len(finished)
    assert contents_at(out) == expected
    # What was there is not written again: but for that, the mark that the store is complete, and its beginning.
    assert connection.uploads - before <= 6 - len(finished) + 2


def test_an_extraction_that_is_killed_in_an_upload(connection: Connection, bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", **PICTURES)
    extracted(pictures, tmp_path / "here")
    expected = contents(tmp_path / "here")
    out = f"{bucket}/features"
    connection.held.clear()
    connection.hold = True
    connection.cut_from = connection.uploads + 4
    command = [sys.executable, "-m", "tests.storage.test_interrupted_uploads", str(pictures), out]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=dict(os.environ))
    assert connection.held.wait(300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    connection.whole()
    left = contents_at(out)
    finished = [name for name in left if name.startswith("part-")]
    assert 0 < len(finished) < 6
    assert all(left[name] == expected[name] for name in finished)
    assert extracted(pictures, out) == 24 - 4 * len(finished)
    assert contents_at(out) == expected


def test_a_run_whose_uploads_are_cut_again_and_again(connection: Connection, bucket: str, tmp_path: Path) -> None:
    small_benchmark(tmp_path, levels=1).save(tmp_path / "small_splits.json")
    material = Material.open(tmp_path / "small_splits.json", tmp_path / "small.npz")
    made = recipe(HEAD, training={"epochs": 3})
    options: dict[str, Any] = {"level": 1, "recipe": made, "seed": 0, "device": "cpu"}
    rows = train_run(material, out=tmp_path / "here", **options).rows
    out, random, cuts = f"{bucket}/run", np.random.default_rng(0), 0
    while True:
        connection.cut_from = connection.uploads + int(random.integers(1, 5)) if cuts < 6 else 0
        try:
            done = train_run(material, out=out, **options)
        except OutputError:
            cuts += 1
        else:
            break
    connection.whole()
    assert cuts >= 3
    assert list(done.rows) == list(rows)
    there, here = contents_at(out), contents(tmp_path / "here")
    assert there.keys() == here.keys()
    assert there["results.jsonl"] == here["results.jsonl"]


if __name__ == "__main__":
    main()
