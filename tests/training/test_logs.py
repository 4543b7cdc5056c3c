from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from oodml_bench.errors import MissingExtraError
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.running import train_run
from tests.training.training_samples import HEAD, recipe


def train(features: Material, out: Path, *loggers: str) -> None:
    train_run(features, level=1, recipe=recipe(HEAD), seed=0, out=out, device="cpu", loggers=loggers, metrics=["map@r"])


def test_tensorboard_gets_every_epoch_once_also_after_an_interruption(
    features: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def stopping(self: Job, checkpoint: Any, watch: Any, **options: Any) -> Any:
        def watch_and_stop(history: Any) -> None:
            watch(history)
            if len(history) == 2:
                raise KeyboardInterrupt

        return proper(self, checkpoint, watch_and_stop, **options)

    proper = Job.fit
    monkeypatch.setattr(Job, "fit", stopping)
    with pytest.raises(KeyboardInterrupt):
        train(features, tmp_path / "r", "tensorboard")
    monkeypatch.undo()
    train(features, tmp_path / "r", "tensorboard")
    read = events.EventAccumulator(str(tmp_path / "r" / "tensorboard"))
    read.Reload()
    written = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    losses = read.Scalars("train/loss")
    assert [event.step for event in losses] == [1, 2, 3, 4]
    assert [event.value for event in losses] == pytest.approx([epoch["loss"] for epoch in written])
    assert "validation/recall@1" in read.Tags()["scalars"]


def test_wandb_gets_every_epoch_and_no_key_is_in_any_file(
    features: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Any]] = []
    run = SimpleNamespace(
        log=lambda values, step: calls.append(("log", (step, values))), finish=lambda: calls.append(("finish", None))
    )
    library = ModuleType("wandb")
    library.init = lambda **options: calls.append(("init", options)) or run
    monkeypatch.setitem(sys.modules, "wandb", library)
    monkeypatch.setenv("WANDB_API_KEY", "a-secret-key")
    train(features, tmp_path / "r", "wandb")
    assert [name for name, _ in calls] == ["init", "log", "log", "log", "log", "finish"]
    options = calls[0][1]
    assert options["config"]["recipe"]["name"] == "head"
    assert options["resume"] == "allow"
    assert [step for name, (step, _) in calls[1:-1]] == [1, 2, 3, 4]
    for path in (tmp_path / "r").rglob("*"):
        assert b"a-secret-key" not in path.read_bytes()
    calls.clear()
    (tmp_path / "again").mkdir()
    train(features, tmp_path / "again", "wandb")
    # The same run has the same id, so that a continued one goes on where it was.
    assert calls[0][1]["id"] == options["id"]


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_logger_that_is_not_installed_names_its_extra(
    features: Material, tmp_path: Path, name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "oodml-bench\[{name}\]"'):
        train(features, tmp_path / "r", name)


def test_progress_is_shown_on_standard_error(features: Material, capsys: pytest.CaptureFixture[str]) -> None:
    job = Job.prepared(features, 1, recipe(HEAD), 0, device=torch.device("cpu"))
    job.fit(progress=True)
    captured = capsys.readouterr()
    assert "Training steps" in captured.err
    assert captured.out == ""
