"""Everything that commands read and write may lie at URLs, and is the same as on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oodml_bench.errors import RunError
from oodml_bench.locations import location
from oodml_bench.training.logs import opened_loggers
from tests.calls import called
from tests.features.feature_samples import write_pictures
from tests.storage.s3_server import contents_at, storage

NETWORK = ("--backbone", "efficientnet_lite0", "--image-size", "32", "--device", "cpu", "--workers", "0")


def work(images: str, root: str) -> list[str]:
    """Run the commands from images to a report; give what they print, without the root."""
    benchmark, features, runs = f"{root}/products_splits.pkl", f"{root}/features", f"{root}/runs"
    commands = (
        ("extract", f"folder:{images}", "--out", features, *NETWORK),
        ("build", features, "--out", benchmark, "--levels", "2", "--shots", "2", "--min-classes", "5"),
        ("inspect", benchmark),
        ("verify", benchmark, "--features", features, "--images", f"folder:{images}"),
        ("audit", benchmark, "--features", features, "--out", f"{root}/leaks.json"),
        ("agree", benchmark, features, "--out", f"{root}/agreement.json"),
        ("progression", features, "--out", f"{root}/progression.json"),
        ("sweep", benchmark, features, "--recipes", "head-margin", "--levels", "1", "--out", runs, "--device", "cpu"),
        ("adapt", f"{runs}/head-margin-1-0", "--shots", "2", "--episodes", "2", "--device", "cpu"),
        ("evaluate", f"{runs}/head-margin-1-0", "--device", "cpu"),
        ("plot", "fid", benchmark, "--out", f"{root}/fid.png"),
        ("plot", "curves", runs, "--out", f"{root}/curves.svg"),
        ("plot", "fewshot", runs, "--out", f"{root}/fewshot.pdf"),
        ("report", benchmark, "--features", features, "--runs", runs, "--out", f"{root}/report"),
        ("extract", f"folder:{images}", "--out", features, *NETWORK),
    )
    return [called(*command).replace(root, "ROOT") for command in commands]


def names_and_lasting(contents: dict[str, bytes]) -> tuple[set[str], dict[str, bytes]]:
    """Give the names of all files, and the content of those that tell neither times nor places."""
    telling = ("run.json", "adaptation.json", "metrics.jsonl", "checkpoint.pt", "index.html")
    told = {name for name in contents if name.endswith(telling)}
    return set(contents), {name: content for name, content in contents.items() if name not in told}


@pytest.mark.slow
def test_all_commands_do_at_a_url_what_they_do_here(bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "products", classes=14, samples=6)
    storage().put(f"{pictures}/", f"{bucket}/images/products/", recursive=True)
    here, there = tmp_path / "here", f"{bucket}/there"
    assert work(f"{bucket}/images/products", there) == work(str(pictures), str(here))
    files = {path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()}
    (names, lasting), (names_here, lasting_here) = map(names_and_lasting, (contents_at(there), files))
    assert names == names_here
    assert lasting.keys() == lasting_here.keys()
    assert [name for name in lasting if lasting[name] != lasting_here[name]] == []
    run = json.loads(contents_at(there)["runs/head-margin-1-0/run.json"])
    assert run["benchmark"]["file"] == f"{there}/products_splits.pkl"
    assert run["dataset"]["spec"] == f"{there}/features"


def test_jobs_name_urls_as_they_are(bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "products", classes=14, samples=6)
    called("extract", f"folder:{pictures}", "--out", f"{bucket}/features", *NETWORK)
    called("build", f"{bucket}/features", "--out", f"{bucket}/x_splits.json", "--levels", "2", "--min-classes", "5")
    jobs = called(
        *("sweep", f"{bucket}/x_splits.pkl", f"{bucket}/features", "--recipes", "head-margin", "--levels", "1"),
        *("--out", f"{bucket}/runs", "--print-jobs"),
    )
    assert jobs.splitlines()[-1] == (
        f"oodml-bench train {bucket}/x_splits.pkl {bucket}/features --level 1 --recipe head-margin --seed 0 "
        f"--out {bucket}/runs/head-margin-1-0"
    )


def test_logs_that_need_a_folder_of_this_machine_are_refused() -> None:
    folder = location("memory://run")
    with (
        pytest.raises(RunError, match=r"TensorBoard's files cannot be written to memory://run: give a folder of this"),
        opened_loggers(["tensorboard"], folder, {}),
    ):
        pass
