"""Sweeps on a real cluster of several nodes on this machine, with nodes and drivers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from oodml_bench.cli import main
from oodml_bench.errors import DatasetError
from oodml_bench.locks import held
from oodml_bench.scale.sweeping import _outcome_in, _Source, sweep_on_ray
from oodml_bench.training.few_shot import FewShot
from oodml_bench.training.material import Material
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.run_folder import RunFolder
from oodml_bench.training.sweeping import sweep
from tests.scale.ray_clusters import NODE, head_alone, remove_workers, wait_until
from tests.splits.benchmarks import small_benchmark
from tests.training.few_shot_samples import adaptation
from tests.training.training_samples import HEAD, NETWORK, recipe, written_picture_material

ray: Any = pytest.importorskip("ray")

#: Long enough for a kill to fall into the middle of it.
LONG_HEAD = recipe(HEAD, training={"epochs": 150})
LONG_NETWORK = recipe(NETWORK, backbone={"name": "efficientnet_lite0", "image_size": 32}, training={"epochs": 8})

#: Seconds after which a test has failed.
LIMIT = 600.0


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """Give a cluster of a head that does no runs, for the processes that start sweeps."""
    # Sums of float32 depend on the number of threads.
    with head_alone(OMP_NUM_THREADS="1") as cluster:
        yield cluster


@pytest.fixture
def cluster(head: Any) -> Iterator[Any]:
    """Give the cluster, without the nodes that tests before have added."""
    yield head
    remove_workers(head)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("features")
    small_benchmark(folder, levels=2).save(folder / "small_splits.json")
    return Material.open(folder / "small_splits.json", folder / "small.npz")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return written_picture_material(tmp_path_factory.mktemp("pictures"))


def epochs_in(folder: Path) -> list[str]:
    """Give the lines of a run's epochs; they tell how fast each was, and differ where it is repeated."""
    metrics = RunFolder(folder).metrics_file
    return metrics.read_text().splitlines() if metrics.exists() else []


def results_in(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("results.jsonl")}


def called(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def places(material: Material) -> tuple[str, str]:
    assert material.benchmark_file is not None
    assert material.data_spec is not None
    return material.benchmark_file, material.data_spec


def written_recipe(made: Recipe, folder: Path) -> Path:
    file = folder / f"{made.name}.toml"
    file.write_text(made.to_toml())
    return file


@pytest.mark.slow
def test_runs_and_failures_and_what_is_printed_are_those_of_a_sweep_on_this_machine(
    cluster: Any, features: Material, tmp_path: Path
) -> None:
    for _ in range(2):
        cluster.add_node(**NODE)
    adapted = recipe(HEAD, few_shot={"shots": [2], "adaptations": ["class_means"], "episodes": 2})
    # Its batches ask for more samples a class than there are.
    bad = recipe(HEAD, name="bad", batches={"size": 18, "per_class": 9})
    recipes = ",".join(str(written_recipe(made, tmp_path)) for made in (bad, adapted))
    options = ("sweep", *places(features), "--recipes", recipes, "--seeds", "0,1", "--device", "cpu")
    local = called(*options, "--out", tmp_path / "local")
    assert local.exit_code == 1
    assert "4 runs trained, 0 found finished, 4 failed" in local.stderr
    on_ray = ("--engine", "ray", "--address", cluster.address, "--out", tmp_path / "ray")
    done = called(*options, *on_ray)
    assert done.exit_code == 1, done.output
    assert done.stdout.replace(str(tmp_path / "ray"), "") == local.stdout.replace(str(tmp_path / "local"), "")
    summary = local.stderr[local.stderr.index("4 runs trained") :]
    assert done.stderr.endswith(summary)
    assert results_in(tmp_path / "ray") == results_in(tmp_path / "local")
    again = called(*options, *on_ray)
    assert "0 runs trained, 4 found finished, 4 failed" in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("trains", ["head", pytest.param("network", marks=pytest.mark.nightly)])
def test_a_run_whose_node_is_lost_goes_on_from_its_checkpoint_on_another(
    trains: str, cluster: Any, features: Material, pictures: Material, tmp_path: Path
) -> None:
    material, made = (features, LONG_HEAD) if trains == "head" else (pictures, LONG_NETWORK)
    few_shot = FewShot((2,), (adaptation(),), 2) if trains == "head" else None
    options: dict[str, Any] = {"seeds": (0, 1), "levels": (1,), "device": "cpu", "few_shot": few_shot}
    local = sweep(material, [made], out=tmp_path / "local", workers=0, **options)
    assert not local.failures
    doomed = cluster.add_node(**NODE)
    out, found = tmp_path / "ray", []

    def work() -> None:
        found.append(sweep_on_ray(material, [made], out=out, address=cluster.address, **options))

    begun = threading.Thread(target=work)
    begun.start()
    first = out / f"{made.name}-1-0"
    wait_until(lambda: len(epochs_in(first)) >= 3, LIMIT)
    cluster.remove_node(doomed, allow_graceful=False)
    before = epochs_in(first)
    assert not RunFolder(first).finished
    cluster.add_node(**NODE)
    begun.join(LIMIT)
    assert found == [local]
    assert results_in(out) == results_in(tmp_path / "local")
    assert epochs_in(first)[: len(before)] == before


@pytest.mark.slow
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_a_sweep_whose_driver_ends_is_continued_by_the_same_command(
    ended_by: signal.Signals, cluster: Any, features: Material, tmp_path: Path
) -> None:
    cluster.add_node(**NODE)
    options = ["sweep", *places(features), "--recipes", str(written_recipe(LONG_HEAD, tmp_path)), "--device", "cpu"]
    assert called(*options, "--out", tmp_path / "local").exit_code == 0
    out = tmp_path / "ray"
    options += ["--out", str(out), "--engine", "ray", "--address", cluster.address]
    program = "from oodml_bench.cli import main; main()"
    driver = subprocess.Popen(
        [sys.executable, "-c", program, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = out / "head-1-0"
    wait_until(lambda: len(epochs_in(first)) >= 3, LIMIT)
    driver.send_signal(ended_by)
    _, errors = driver.communicate(timeout=LIMIT)
    if ended_by == signal.SIGINT:
        assert driver.returncode == 128 + signal.SIGINT, errors
        assert errors.splitlines()[-1].startswith("Interrupted.")
    assert not (out / "head-2-0").exists()
    # The run is ended as well, and lets go of its folder.
    with held(first):
        before = epochs_in(first)
        time.sleep(0.5)
        assert epochs_in(first) == before
    assert not RunFolder(first).finished
    done = called(*options)
    assert done.exit_code == 0, done.output
    assert results_in(out) == results_in(tmp_path / "local")
    assert epochs_in(first)[: len(before)] == before


@pytest.mark.slow
def test_runs_that_another_process_is_at_are_left_to_it(cluster: Any, features: Material, tmp_path: Path) -> None:
    cluster.add_node(**NODE)
    with held(tmp_path / "head-1-0"):
        done = sweep_on_ray(features, [recipe(HEAD)], out=tmp_path, address=cluster.address, device="cpu")
    assert done.finished == 1
    assert list(done.held) == ["head-1-0"]
    assert f"process {os.getpid()} on " in done.held["head-1-0"]
    assert {row.level for row in done.rows} == {2}


@pytest.mark.slow
def test_a_run_whose_process_dies_every_time_has_failed(
    cluster: Any, features: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.add_node(**NODE)
    monkeypatch.setattr("oodml_bench.scale.sweeping.MOST_RETRIES", 1)
    found = []

    def work() -> None:
        made = recipe(HEAD, training={"epochs": 100_000})
        options: dict[str, Any] = {"levels": (1,), "device": "cpu"}
        found.append(sweep_on_ray(features, [made], out=tmp_path, address=cluster.address, **options))

    begun = threading.Thread(target=work)
    begun.start()
    holder = tmp_path / "head-1-0" / ".lock-holder.json"
    killed: set[int] = set()
    while len(killed) < 2:
        wait_until(lambda: holder.exists() and pid_in(holder) not in {*killed, 0}, LIMIT)
        killed.add(pid_in(holder))
        os.kill(pid_in(holder), signal.SIGKILL)
    begun.join(LIMIT)
    assert list(found[0].failures) == ["head-1-0"]
    assert "lost 2 times" in found[0].failures["head-1-0"]


def pid_in(holder: Path) -> int:
    try:
        return int(json.loads(holder.read_text())["pid"])
    except (OSError, ValueError):
        return 0


def test_machines_that_see_other_files_are_noticed(features: Material, tmp_path: Path) -> None:
    source = _Source.of(features)
    assert source.opened().benchmark_digest == features.benchmark_digest
    with np.load(places(features)[1]) as stored:
        arrays = dict(stored)
    arrays["features"] = arrays["features"] + np.float32(1e-3)
    np.savez(tmp_path / "small.npz", **arrays)
    elsewhere = _Source(source.benchmark_file, str(tmp_path / "small.npz"), *list(vars(source).values())[2:])
    with pytest.raises(DatasetError, match=r"feature_digest"):
        elsewhere.opened()


def test_what_fails_outside_of_a_run_is_told_by_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_: Any) -> None:
        raise ray.exceptions.RayTaskError("_done", "Traceback …", ModuleNotFoundError("No module named 'oodml_bench'"))

    monkeypatch.setattr(ray, "get", lacking)
    assert _outcome_in(None).failure == "ModuleNotFoundError: No module named 'oodml_bench'"
