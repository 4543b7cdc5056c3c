"""Extraction by a real cluster of several nodes on this machine, with nodes and drivers that are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oodml_bench.errors import BackboneError, DatasetError, FeatureError
from oodml_bench.features import extract
from oodml_bench.features.shards import Shard
from oodml_bench.scale import extract_on_ray
from tests.calls import called
from tests.features.feature_samples import contents, write_pictures
from tests.scale.ray_clusters import NODE, head_alone, two_workers, wait_until
from tests.scale.ray_samples import SIZES, parts_in, slow_glyphs

pytest.importorskip("ray")

pytestmark = pytest.mark.slow

#: Classes of the dataset: some 280 samples, 7 parts.
COUNT = 20

#: Seconds after which a test has failed.
LIMIT = 300.0


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """Give a cluster of a head that reads and computes nothing, for the processes that start extractions."""
    # Else its processes would give way to all others, and on a busy machine take minutes to begin.
    with head_alone(RAY_worker_niceness="0") as cluster:
        yield cluster


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """Give a cluster with two nodes that work, and without those that tests before have left."""
    with two_workers(head):
        yield head


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the store that an undisturbed local run makes."""
    out = tmp_path_factory.mktemp("local") / "features"
    extract(f"glyphs:{COUNT}", out, workers=0, **SIZES)
    assert len(parts_in(out)) > 5
    return out


def benchmark_of(store: Path, name: str) -> list[bytes]:
    out = store.parent / f"{name}_splits.pkl"
    called("build", store, "--out", out, "--levels", 2)
    return [file.read_bytes() for file in (out, out.with_suffix(".json"))]


def test_the_command_writes_the_bytes_of_the_local_engine(cluster: Any, tmp_path: Path) -> None:
    network = {"backbone": "efficientnet_lite0", "image_size": 32}
    command = ["extract", "glyphs:6", "--out", tmp_path / "out", "--engine", "ray", "--address", cluster.address]
    command += ["--gpus", 0, "--workers", 1, "--backbone", network["backbone"], "--image-size", 32]
    assert "images extracted to" in called(*command)
    extract("glyphs:6", tmp_path / "local", workers=0, **network)
    assert contents(tmp_path / "out") == contents(tmp_path / "local")
    assert "is complete already: nothing to do" in called(*command)


def test_a_node_that_is_killed_changes_nothing(cluster: Any, local: Path, tmp_path: Path) -> None:
    out = tmp_path / "features"
    doomed = cluster.add_node(**NODE)
    killed: list[set[Path]] = []

    def kill() -> None:
        wait_until(lambda: parts_in(out), LIMIT)
        cluster.remove_node(doomed, allow_graceful=False)
        killed.append(parts_in(out))

    killer = threading.Thread(target=kill)
    killer.start()
    done = extract_on_ray(slow_glyphs(COUNT, 0.03), out, address=cluster.address, **SIZES)
    killer.join()
    assert 0 < len(killed[0]) < len(parts_in(out))
    assert done.computed == done.store.meta.dataset.sample_count
    assert contents(out) == contents(local)
    assert benchmark_of(out, "glyphs") == benchmark_of(local, "glyphs")


def test_after_the_driver_and_all_working_nodes_are_killed_no_finished_part_is_done_again(
    cluster: Any, local: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features"
    command = [sys.executable, "-m", "tests.scale.ray_samples", cluster.address, str(COUNT), str(out)]
    driver = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    wait_until(lambda: len(parts_in(out)) >= 2 or driver.poll() is not None, LIMIT)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    for node in list(cluster.worker_nodes):
        cluster.remove_node(node, allow_graceful=False)
    finished = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in parts_in(out)}
    assert 2 <= len(finished) < len(parts_in(local))
    for _ in range(2):
        cluster.add_node(**NODE)
    done = extract_on_ray(f"glyphs:{COUNT}", out, address=cluster.address, **SIZES)
    assert done.computed == done.store.meta.dataset.sample_count - 40 * len(finished)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in finished} == finished
    assert contents(out) == contents(local)


def test_each_engine_finishes_what_the_other_began(cluster: Any, local: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    begun = extract(f"glyphs:{COUNT}", ours, workers=0, shard=Shard(1, 2), **SIZES)
    done = extract_on_ray(f"glyphs:{COUNT}", ours, address=cluster.address, **SIZES)
    assert begun.computed + done.computed == done.store.meta.dataset.sample_count
    assert contents(ours) == contents(local)

    extract_on_ray(f"glyphs:{COUNT}", theirs, address=cluster.address, **SIZES)
    (theirs / "part-00003.parquet").unlink()
    (theirs / "part-00001.parquet").write_bytes(b"damaged")
    assert extract(f"glyphs:{COUNT}", theirs, workers=0, **SIZES).computed == 80
    assert contents(theirs) == contents(local)
    (theirs / "part-00002.parquet").write_bytes(b"damaged")
    assert extract_on_ray(f"glyphs:{COUNT}", theirs, address=cluster.address, **SIZES).computed == 40
    assert contents(theirs) == contents(local)


def test_broken_pictures_are_refused_or_skipped_as_locally(cluster: Any, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", classes=3, samples=20, side=40)
    (pictures / "class 1" / "7.png").write_bytes(b"broken")
    options = {**SIZES, "part_size": 25}
    errors = []
    for engine in (extract, extract_on_ray):
        special = {"workers": 0} if engine is extract else {"address": cluster.address}
        with pytest.raises(
            DatasetError, match=r"class 1/7.png of class class 1 cannot be read .*--skip-broken"
        ) as error:
            engine(f"folder:{pictures}", tmp_path / f"{engine.__name__}-refused", **options, **special)
        errors.append(str(error.value))
        done = engine(f"folder:{pictures}", tmp_path / engine.__name__, skip_broken=True, **options, **special)
        assert (done.computed, done.skipped) == (59, ("class 1/7.png",))
    assert errors[0] == errors[1]
    assert contents(tmp_path / "extract") == contents(tmp_path / "extract_on_ray")


def test_what_is_refused_locally_is_refused_here(cluster: Any, local: Path, tmp_path: Path) -> None:
    before = contents(local)
    with pytest.raises(FeatureError, match="part size: 40 there, 41 now"):
        extract_on_ray(f"glyphs:{COUNT}", local, address=cluster.address, **{**SIZES, "part_size": 41})
    assert contents(local) == before
    with pytest.raises(BackboneError, match="the cluster has 0 GPUs, and 3 are wanted"):
        extract_on_ray(f"glyphs:{COUNT}", tmp_path / "out", address=cluster.address, gpus=3, **SIZES)
    with pytest.raises(BackboneError, match="precision 'float16' is not available on cpu"):
        extract_on_ray(f"glyphs:{COUNT}", tmp_path / "out", address=cluster.address, precision="float16", **SIZES)
    assert not (tmp_path / "out").exists()
