from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.few_shot_samples import adapt_slowly, trained_head
from tests.training.training_samples import feature_material, train_head, train_network, written_picture_material


def started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    # Importing torch takes seconds; this way it is done once for all processes.
    context.set_forkserver_preload(["tests.training.few_shot_samples", "timm", "faiss"])
    process = context.Process(target=work, args=tuple(map(str, arguments)))
    process.start()
    return process


def finished(work: Callable[..., None], *arguments: object) -> None:
    process = started(work, *arguments)
    process.join()
    assert process.exitcode == 0


def epochs_in(folder: Path) -> int:
    metrics = folder / "metrics.jsonl"
    return len(metrics.read_text().splitlines()) if metrics.exists() else 0


def wait_for_another_epoch(process: BaseProcess, folder: Path) -> None:
    before = epochs_in(folder)
    while epochs_in(folder) == before and process.is_alive():
        time.sleep(0.001)


def state(folder: Path) -> dict[str, Any]:
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    for record in state["history"]:
        # The only thing that may differ.
        del record["images_per_second"]
    return state


def assert_equal(first: Any, second: Any) -> None:
    """Compare what a checkpoint holds, bit for bit."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for name in first:
            assert_equal(first[name], second[name])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other)
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


@pytest.mark.parametrize("work", [train_network, train_head])
def test_a_run_killed_at_random_moments_and_continued_gives_the_same_weights(
    work: Callable[..., None], tmp_path: Path
) -> None:
    written_picture_material(tmp_path)
    feature_material(tmp_path).benchmark.save(tmp_path / "small_splits.json")
    whole, continued = tmp_path / "whole", tmp_path / "continued"
    started(len, "the fork server has imported torch").join()
    finished(work, tmp_path, whole, 0)

    moments = np.random.default_rng()  # unseeded: any moment must do
    progress = []
    for kill in range(5):
        process = started(work, tmp_path, continued, 1 if kill == 3 else 0)
        if kill == 0:
            process.join(moments.uniform(0, 0.5))
        else:
            wait_for_another_epoch(process, continued)
            time.sleep(moments.uniform(0, 0.03))
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT if kill == 2 else signal.SIGKILL)
        process.join()
        progress.append(epochs_in(continued))
    assert progress == sorted(progress)
    assert any(0 < done < epochs_in(whole) for done in progress)
    finished(work, tmp_path, continued, 0)
    assert_equal(state(continued), state(whole))
    assert (continued / "results.jsonl").read_bytes() == (whole / "results.jsonl").read_bytes()
    assert sorted(path.name for path in continued.iterdir()) == sorted(path.name for path in whole.iterdir())


def test_adaptation_killed_at_random_moments_and_continued_gives_the_same_results(tmp_path: Path) -> None:
    material = feature_material(tmp_path)
    material.benchmark.save(tmp_path / "small_splits.json")
    whole, continued = (trained_head(material, tmp_path / name) for name in ("whole", "continued"))
    finished(adapt_slowly, tmp_path, whole, 0)
    expected = written(whole)
    moments = np.random.default_rng()  # unseeded: any moment must do
    for _ in range(5):
        process = started(adapt_slowly, tmp_path, continued, 0)
        before = written(continued)
        while written(continued) == before and process.is_alive():
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.1))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    assert written(continued) != expected
    finished(adapt_slowly, tmp_path, continued, 0)
    assert written(continued) == expected


def written(run: Path) -> dict[str, bytes]:
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in run.glob("few_shot/*/*/results.jsonl")}
