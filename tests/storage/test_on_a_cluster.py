"""A real Ray cluster whose machines read and write storage at URLs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from oodml_bench.features import extract
from oodml_bench.scale import extract_on_ray
from tests.calls import called
from tests.features.feature_samples import contents, write_pictures
from tests.scale.ray_clusters import NODE, head_alone, two_workers, wait_until
from tests.scale.ray_samples import SIZES, slow_glyphs
from tests.storage.s3_server import Connection, contents_at, storage
from tests.test_readme import commands, is_for_a_cluster

pytest.importorskip("ray")

pytestmark = pytest.mark.slow

#: Seconds after which a test has failed.
LIMIT = 300.0


@pytest.fixture(scope="module")
def head(_server: Connection) -> Iterator[Any]:
    with head_alone(RAY_worker_niceness="0", OMP_NUM_THREADS="1") as cluster:
        yield cluster


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """Give a cluster with two nodes that work."""
    with two_workers(head):
        yield head


#: A network in the place of the study's, so that runs take seconds.
RECIPE = """
trains = "network"
backbone = { name = "efficientnet_lite0", image_size = 32 }
embedding = { dimension = 8 }
objective = { name = "multisimilarity" }
batches = { size = 8 }
training = { epochs = 1 }
"""

#: What is added to each command for a quick run.
QUICK = {
    "extract": "--backbone efficientnet_lite0 --image-size 32 --device cpu --workers 1",
    "build": "--levels 2 --shots 2 --min-classes 5",
    "sweep": "--levels 1 --device cpu",
}


def work(clone: Path, replaced: dict[str, str], left_out: Sequence[str] = ()) -> list[str]:
    """Run the three commands of the README; give what they print."""
    printed = []
    for line in commands(clone):
        if is_for_a_cluster(line):
            words = " ".join(line[1:])
            for old, new in {"--gpus 8": "--gpus 0", "--seeds 0,1,2,3,4": "--seeds 0,1", **replaced}.items():
                words = words.replace(old, new)
            for option in left_out:
                words = re.sub(f" {option} [^ ]+", "", words)
            printed.append(called(*words.split(), *QUICK[line[1]].split()))
    return printed


def test_the_three_commands_of_the_readme(
    cluster: Any, bucket: str, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = write_pictures(tmp_path / "products", classes=14, samples=6)
    recipe = tmp_path / "quick.toml"
    recipe.write_text(RECIPE)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    places = {"folder:/data/products": f"folder:{pictures}", "--recipes study": f"--recipes {recipe}"}
    monkeypatch.chdir(there)
    on_cluster = {**places, "s3://bucket": bucket, "--address auto": f"--address {cluster.address}"}
    *_, tables = work(clone, on_cluster)
    monkeypatch.chdir(here)
    *_, expected = work(clone, {**places, "s3://bucket/": ""}, left_out=("--engine", "--address", "--gpus"))
    assert tables == expected
    assert contents_at(f"{bucket}/features") == contents(here / "features")
    for name in ("products_splits.pkl", "products_splits.json", "runs/products/quick-1-1/results.jsonl"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_everything_may_lie_at_urls(cluster: Any, bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "products", classes=14, samples=6)
    storage().put(f"{pictures}/", f"{bucket}/products/", recursive=True)
    network, address = QUICK["extract"].split(), ("--engine", "ray", "--address", cluster.address)
    benchmark, features, runs = f"{bucket}/products_splits.pkl", f"{bucket}/features", f"{bucket}/runs"
    called("extract", f"folder:{bucket}/products", "--out", features, *network, *address, "--gpus", 0)
    called("build", features, "--out", benchmark, *QUICK["build"].split())
    training = ("--recipes", "head-margin", *QUICK["sweep"].split())
    on_cluster = called("sweep", benchmark, features, *training, "--out", runs, *address)
    on_one = called("sweep", benchmark, features, *training, "--out", tmp_path / "runs")
    assert on_cluster.replace(runs, "") == on_one.replace(str(tmp_path / "runs"), "")
    extract(f"folder:{pictures}", tmp_path / "here", backbone="efficientnet_lite0", image_size=32, workers=0)
    assert contents_at(features) == contents(tmp_path / "here")
    name = "head-margin-1-0/results.jsonl"
    assert contents_at(runs)[name] == (tmp_path / "runs" / name).read_bytes()


def test_a_node_that_is_killed_changes_nothing(cluster: Any, bucket: str, tmp_path: Path) -> None:
    extract("glyphs:12", tmp_path / "here", workers=0, **SIZES)
    expected = contents(tmp_path / "here")
    doomed = cluster.add_node(**NODE)
    left: list[int] = []

    def parts() -> int:
        return len([key for key in storage().find(f"{bucket}/features") if "part-" in key])

    def kill() -> None:
        wait_until(parts, LIMIT)
        cluster.remove_node(doomed, allow_graceful=False)
        left.append(parts())

    killer = threading.Thread(target=kill)
    killer.start()
    extract_on_ray(slow_glyphs(12, 0.05), f"{bucket}/features", address=cluster.address, **SIZES)
    killer.join()
    assert 0 < left[0] < len(expected) - 1
    assert contents_at(f"{bucket}/features") == expected
