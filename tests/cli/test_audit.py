"""`oodml-bench audit`, as a user runs it."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from oodml_bench.cli import main
from tests.splits.audit.planted import BENCHMARK, features_of, photos_of, write_photos


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Give pictures with three leaks at level 1 and none at level 2, their features, and a benchmark."""
    root = tmp_path_factory.mktemp("audit")
    photos = write_photos(root / "photos")
    shutil.copy(photos / "c0" / "0.png", photos / "c4" / "a.png")
    shutil.copy(photos / "c0" / "1.png", photos / "c4" / "b.png")
    shutil.copy(photos / "c1" / "0.png", photos / "c3" / "c.png")
    BENCHMARK.save(root / "planted_splits.pkl")
    (batch,) = features_of(photos_of(photos)).batches()
    np.savez(
        root / "planted.npz",
        features=np.stack(batch["feature"].to_numpy(zero_copy_only=False)),
        classes=np.array(batch["class"].to_pylist()),
        samples=np.array(batch["sample"].to_pylist()),
    )
    return root


def run(root, *arguments):
    command = ["audit", root / "planted_splits.pkl", "--features", root / "planted.npz", *arguments]
    return CliRunner().invoke(main, [str(word) for word in command])


def images_of(root):
    return "--images", f"folder:{root / 'photos'}"


def test_counts_and_findings_are_printed(given):
    done = run(given, *images_of(given))
    assert done.exit_code == 0, done.output
    rows = {
        line.split()[0]: line.split()[1:6] for line in done.output.splitlines() if line.split()[:1] in (["1"], ["2"])
    }
    assert rows == {"1": ["2", "1", "0", "0", "0"], "2": ["1", "0", "0", "0", "0"]}
    assert (
        "identical files: c0/0.png | c4/a.png (cosine 1.000, train/test at level 1; and 1 more of these" in done.output
    )
    assert "c1/0.png | c3/c.png (cosine 1.000, train/test at level 2; train/validation at level 1)" in done.output


@pytest.mark.parametrize(("most", "code"), [(0, 1), (2, 1), (3, 0), (100, 0)])
def test_fail_over(given, most, code):
    done = run(given, *images_of(given), "--fail-over", most)
    assert done.exit_code == code
    levels = {0: "1, 2", 2: "1"}
    assert (f"more than {most} leaks at level {levels.get(most)}\n" in done.output) == (code == 1)


def test_fail_over_needs_pictures(given, tmp_path):
    done = run(given, "--fail-over", 0)
    assert done.exit_code == 2
    assert "--fail-over needs --images" in done.output
    others = write_photos(tmp_path / "others", samples=1)
    done = run(given, "--images", f"folder:{others}", "--fail-over", 100)
    assert done.exit_code == 2
    assert "35 samples could not be checked" in done.output


def test_what_is_not_confirmed_is_told_of(given):
    done = run(given)
    assert done.exit_code == 0
    assert "unconfirmed: c0/0.png | c4/a.png" in done.output


def test_the_file_has_all(given, tmp_path):
    out = tmp_path / "out" / "found.json"
    assert run(given, *images_of(given), "--out", out).exit_code == 0
    content = json.loads(out.read_text())
    assert content["benchmark"] == "planted"
    assert [content["levels"][level]["leaks"] for level in "12"] == [3, 1]
    assert content["levels"]["1"]["counts"]["train/validation"]["identical files"] == 1
    assert [finding["kind"] for finding in content["findings"]] == ["identical files"] * 3
    assert content["findings"][0]["first"] == {"class_name": "c0", "sample": "0.png"}
    assert content["findings"][0]["apart"] == [
        {"level": 1, "boundary": "train/test", "sides": ["train", "test"], "episodes": 0}
    ]
    before = out.read_bytes()
    refused = run(given, *images_of(given), "--out", out)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert run(given, *images_of(given), "--out", out, "--overwrite").exit_code == 0
    assert out.read_bytes() == before
