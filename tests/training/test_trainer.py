from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from oodml_bench.errors import BackboneError, OutputError, RecipeError, RunError, TrainingError
from oodml_bench.evaluation.metrics import METRICS, Scores
from oodml_bench.features.backbones import Backbone
from oodml_bench.training import stepping, trainer
from oodml_bench.training.batches import BatchPlan
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.methods import Criterion, Method
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.stepping import Stepper
from oodml_bench.training.trainer import EpochRecord, Fitted
from tests.training.training_samples import HEAD, NETWORK, equal_states, recipe, small_backbone

CPU = torch.device("cpu")


def job(material: Material, made: Recipe, seed: int = 0) -> Job:
    backbone = small_backbone() if made.backbone.name == "small" else None
    return Job.prepared(material, 1, made, seed, device=CPU, workers=0, backbone=backbone)


def weights_of(done: Job) -> dict[str, torch.Tensor]:
    states = {"embedder": done.embedder.state_dict(), "criterion": done.criterion.state_dict()}
    found = {f"{part}.{name}": tensor for part, state in states.items() for name, tensor in state.items()}
    return {name: tensor for name, tensor in found.items() if isinstance(tensor, torch.Tensor)}


def without_speed(history: Sequence[EpochRecord]) -> list[EpochRecord]:
    return [replace(record, images_per_second=0) for record in history]


def same_end(first: tuple[Job, Fitted], second: tuple[Job, Fitted]) -> bool:
    (one, fitted), (other, again) = first, second
    assert without_speed(fitted.history) == without_speed(again.history)
    assert (fitted.selected.epoch, fitted.selected.score) == (again.selected.epoch, again.selected.score)
    return equal_states(weights_of(one), weights_of(other)) and equal_states(
        fitted.selected.weights, again.selected.weights
    )


class StoppedError(Exception):
    """A run was stopped here."""


def stop_after(epoch: int) -> Callable[[Sequence[EpochRecord]], None]:
    def watch(history: Sequence[EpochRecord]) -> None:
        if len(history) == epoch:
            raise StoppedError

    return watch


#: Tables that make another method of a recipe.
METHODS: dict[str, dict[str, Any]] = {
    "s2sd": {"s2sd": {"dimensions": [16, 24], "features_delay": 3, "pooling": "average+max"}},
    "diva": {"diva": {"queue_batches": 2, "separation": 1.0, "temperature": 0.1}},
    "uniform prior": {"uniform_prior": {"chunk": 4, "hidden": 6, "every": 2}},
}


@pytest.fixture(params=["head", "network", *METHODS])
def case(request: pytest.FixtureRequest, features: Material, pictures: Material) -> tuple[Material, Recipe]:
    if request.param in METHODS:
        return pictures, recipe(NETWORK, **METHODS[request.param])
    if request.param == "head":
        return features, recipe(HEAD, objective={"name": "proxy_anchor"}, optimiser={"clip_norm": 1.0})
    return pictures, recipe(NETWORK, optimiser={"warmup_epochs": 1, "schedule": "cosine"})


def test_a_run_stopped_after_any_epoch_and_continued_ends_the_same(
    case: tuple[Material, Recipe], tmp_path: Path
) -> None:
    whole = job(*case)
    fitted = whole.fit()
    continued = None
    checkpoint = CheckpointFile(tmp_path / "c.pt", {"run": 1})
    for epoch in range(1, case[1].training.epochs):
        with pytest.raises(StoppedError):
            job(*case).fit(checkpoint, stop_after(epoch))
    continued = job(*case)
    assert same_end((whole, fitted), (continued, continued.fit(checkpoint)))
    # And once more, where nothing is left to do.
    finished = job(*case)
    assert same_end((whole, fitted), (finished, finished.fit(checkpoint)))


@pytest.mark.parametrize("step", [1, 5, 8])
def test_a_run_stopped_inside_an_epoch_and_continued_ends_the_same(
    case: tuple[Material, Recipe], tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = job(*case)
    fitted = whole.fit()
    checkpoint = CheckpointFile(tmp_path / "c.pt", {"run": 1})
    with monkeypatch.context() as patch:
        taken = iter(range(1, 100))

        def step_or_stop(self: Stepper, *arguments: torch.Tensor, proper: Any = Stepper.step) -> torch.Tensor:
            if next(taken) == step:
                raise StoppedError
            return proper(self, *arguments)

        patch.setattr(Stepper, "step", step_or_stop)
        with pytest.raises(StoppedError):
            job(*case).fit(checkpoint)
    continued = job(*case)
    assert same_end((whole, fitted), (continued, continued.fit(checkpoint)))


def test_a_run_does_not_depend_on_torch_s_random_state_nor_change_it(case: tuple[Material, Recipe]) -> None:
    ends = []
    for number in (1, 2):
        torch.manual_seed(number)
        np.random.seed(number)  # noqa: NPY002 (the global state is what this is about)
        before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        done = job(*case)
        ends.append((done, done.fit()))
        assert torch.equal(torch.random.get_rng_state(), before[0])
        assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert same_end(*ends)


def test_another_seed_leads_elsewhere(case: tuple[Material, Recipe]) -> None:
    first, second = job(*case), job(*case, seed=1)
    first.fit()
    second.fit()
    assert not equal_states(weights_of(first), weights_of(second))


def test_equal_to_a_plain_loop(features: Material) -> None:
    made = recipe(HEAD, objective={"name": "proxy_anchor"}, training={"epochs": 2})
    done, by_hand = job(features, made), job(features, made)
    done.fit()
    objective, embedder = by_hand.criterion.method.objective, by_hand.embedder
    optimiser = torch.optim.Adam(
        [{"params": embedder.parameters(), "lr": 0.01}, {"params": objective.parameters(), "lr": objective.own_lr}]
    )
    train = by_hand.sets.train
    for epoch in range(2):
        for positions in BatchPlan(train, made.batches, 0).of_epoch(epoch):
            loss = objective(
                embedder(torch.from_numpy(features.feature_rows[train.rows[positions]])),
                torch.from_numpy(train.labels[positions]),
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert equal_states(weights_of(done), weights_of(by_hand))


def scripted(monkeypatch: pytest.MonkeyPatch, scores: Sequence[float]) -> None:
    """Let the validation scores of the epochs be these."""
    left = iter(scores)

    def evaluate(*_: object, **__: object) -> Scores:
        return Scores({"recall@1": next(left), "map@r": 0.0}, 1, 0)

    monkeypatch.setattr(trainer, "evaluate_embeddings", evaluate)


@pytest.mark.parametrize(
    ("scores", "best"), [((0.1, 0.4, 0.2, 0.3), 2), ((0.4, 0.4, 0.1, 0.4), 1), ((0.0, 0.0, 0.0, 0.1), 4)]
)
@pytest.mark.parametrize("stop", [None, 1, 3])
def test_selected_weights_are_those_of_the_first_best_epoch(
    features: Material,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    scores: tuple[float, ...],
    best: int,
    stop: int | None,
) -> None:
    scripted(monkeypatch, scores)
    checkpoint = CheckpointFile(tmp_path / "c.pt", {})
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def fitted(stop_at: int | None) -> Fitted:
        running = job(features, recipe(HEAD))

        def watch(history: Sequence[EpochRecord]) -> None:
            seen[len(history)] = {name: value.clone() for name, value in running.embedder.state_dict().items()}
            if len(history) == stop_at:
                raise StoppedError

        return running.fit(checkpoint, watch)

    if stop is not None:
        with pytest.raises(StoppedError):
            fitted(stop)
    selected = fitted(None).selected
    assert (selected.epoch, selected.score) == (best, scores[best - 1])
    assert equal_states(selected.weights, seen[best])
    assert len(seen) == 4
    assert not any(equal_states(selected.weights, seen[epoch]) for epoch in seen if epoch != best)


def test_the_metric_that_selects_is_the_recipe_s(features: Material) -> None:
    fitted = job(features, recipe(HEAD, training={"select_by": "nmi"})).fit()
    assert set(fitted.history[0].validation) == {"nmi", "recall@1", "map@r"}
    assert fitted.selected.score == max(record.validation["nmi"] for record in fitted.history)


def test_every_metric_that_may_select_exists() -> None:
    assert set(trainer.Selector.__args__) <= set(METRICS)


def test_without_validation_nothing_is_selected_and_all_classes_are_trained_on(features: Material) -> None:
    done = job(features, recipe(HEAD, training={"validate": False}))
    fitted = done.fit()
    assert fitted.selected is None
    assert all(record.validation == {} for record in fitted.history)
    level = features.benchmark.levels[1]
    assert done.sets.train.classes == tuple(sorted(level.train))
    assert job(features, recipe(HEAD)).sets.train.classes == tuple(sorted(level.split_train))


class Failing(torch.nn.Module):
    """Wraps an objective, and lets its loss be something else at one step."""

    def __init__(self, objective: torch.nn.Module, step: int, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.objective, self.left, self.loss = objective, step, loss

    def parameter_groups(self) -> list[dict]:
        return self.objective.parameter_groups()

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        value = self.objective(embeddings, labels)
        return self.loss(value) if self.left == 0 else value


def failing_job(material: Material, step: int, loss: Callable[[torch.Tensor], torch.Tensor]) -> Job:
    failing = job(material, recipe(HEAD))
    method = failing.criterion.method
    method.objective = Failing(method.objective, step, loss)
    return failing


def steps_of(material: Material) -> int:
    sampled = job(material, recipe(HEAD))
    return len(BatchPlan(sampled.sets.train, sampled.recipe.batches, 0).of_epoch(0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("checked_every", [1, 3, 16])
def test_a_loss_that_is_not_finite_stops_the_run_and_says_when(
    features: Material, tmp_path: Path, value: float, checked_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "CHECKED_EVERY", checked_every)
    checkpoint = CheckpointFile(tmp_path / "c.pt", {})
    steps = steps_of(features)
    failing = failing_job(features, 2 * steps + 2, lambda loss: loss + value)
    with pytest.raises(TrainingError, match=rf"the loss became {value} in epoch 3 at step 2\..*Lower `lr`"):
        failing.fit(checkpoint)
    state = checkpoint.read()
    assert len(state["history"]) == 2
    assert all(tensor.isfinite().all() for tensor in state["model"].values())


@pytest.mark.parametrize("objective", ["margin", "triplet", "multisimilarity", "proxy_anchor"])
def test_embeddings_that_are_not_finite_stop_the_run(features: Material, objective: str) -> None:
    failing = job(features, recipe(HEAD, objective={"name": objective}, miner=None))
    with torch.no_grad():
        failing.embedder.head.bias.fill_(torch.nan)
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1 at step 1\."):
        failing.fit()


def test_weights_that_are_not_finite_never_reach_the_checkpoint(features: Material, tmp_path: Path) -> None:
    class Exploding(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, loss: torch.Tensor) -> torch.Tensor:
            return loss.clone()

        @staticmethod
        def backward(_: Any, gradient: torch.Tensor) -> torch.Tensor:
            return gradient * float("nan")

    checkpoint = CheckpointFile(tmp_path / "c.pt", {})
    failing = failing_job(features, 2 * steps_of(features), Exploding.apply)
    with pytest.raises(TrainingError, match="weights became NaN or infinite at the end of epoch 2"):
        failing.fit(checkpoint)
    assert len(checkpoint.read()["history"]) == 1


def test_full_gpu_memory_says_which_setting_to_lower(features: Material) -> None:
    def full(_: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. More.")

    with pytest.raises(TrainingError, match=r"GPU memory is full: CUDA out of memory\. Lower `size` of \[batches\]"):
        failing_job(features, 1, full).fit()


def test_gradients_are_clipped(features: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    proper = torch.optim.Adam.step

    def recording(self: torch.optim.Adam, *arguments: Any) -> Any:
        gradients = [weights.grad for group in self.param_groups for weights in group["params"]]
        norms.append(float(torch.cat([gradient.flatten() for gradient in gradients]).norm()))
        return proper(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recording)
    proxies = {"objective": {"name": "proxy_anchor"}}
    job(features, recipe(HEAD, **proxies)).fit()
    free, limit = list(norms), float(np.median(norms)) / 2
    norms.clear()
    job(features, recipe(HEAD, **proxies, optimiser={"clip_norm": limit})).fit()
    assert max(norms) <= limit * 1.001
    assert min(free) < max(free)
    assert max(free) > limit
    assert norms[0] == pytest.approx(min(free[0], limit), rel=1e-3)


def test_in_the_warm_up_nothing_of_the_backbone_changes(pictures: Material) -> None:
    made = recipe(NETWORK, optimiser={"warmup_epochs": 2})
    running, states = job(pictures, made), []
    states.append({name: tensor.clone() for name, tensor in running.embedder.state_dict().items()})

    def watch(_: Sequence[EpochRecord]) -> None:
        states.append({name: tensor.clone() for name, tensor in running.embedder.state_dict().items()})

    running.fit(watch=watch)

    def changed(epoch: int) -> set[str]:
        before, after = states[epoch - 1], states[epoch]
        return {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}

    assert [changed(epoch) for epoch in (1, 2, 3)] == [{"head"}, {"head"}, {"head", "backbone"}]
    assert all(weights.requires_grad for weights in running.embedder.parameters())


@pytest.mark.parametrize("freeze_bn", [False, True])
def test_frozen_batch_norms_keep_their_statistics_in_training(pictures: Material, freeze_bn: bool) -> None:
    running = job(pictures, recipe(NETWORK, backbone={"freeze_bn": freeze_bn}))
    before = {name: tensor.clone() for name, tensor in running.embedder.state_dict().items()}
    running.fit()
    after = running.embedder.state_dict()
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(before[f"backbone.bn.{name}"], after[f"backbone.bn.{name}"]) == freeze_bn
    assert not torch.equal(before["backbone.bn.weight"], after["backbone.bn.weight"])


def test_every_group_learns_at_its_rate(pictures: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[list[tuple[int, float, float]]] = []
    proper = torch.optim.Adam.step

    def recording(self: torch.optim.Adam, *arguments: Any) -> Any:
        rates.append([(len(group["params"]), group["lr"], group["weight_decay"]) for group in self.param_groups])
        return proper(self, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recording)
    made = recipe(NETWORK, optimiser={"head_lr": 0.02, "schedule": "multistep", "milestones": [2], "gamma": 0.1})
    fitted = job(pictures, made).fit()
    # The convolution's and the batch norm's; the linear layer's; the objective's boundaries.
    assert rates[0] == [(4, 0.003, 0.0001), (2, 0.02, 0.0001), (1, 0.0005, 0.0)]
    assert [rate for _, rate, _ in rates[-1]] == pytest.approx([0.0003, 0.002, 0.00005])
    assert [record.lr for record in fitted.history] == pytest.approx([0.02, 0.02, 0.002])


def test_training_learns(pictures: Material) -> None:
    fitted = job(pictures, recipe(NETWORK, training={"epochs": 12, "augmentation": "light"})).fit()
    losses = [record.loss for record in fitted.history]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


@pytest.mark.parametrize("training", [{"channels_last": True}, {"precision": "bfloat16"}, {"compile": True}])
def test_faster_ways_to_compute_lead_to_nearly_the_same(
    pictures: Material, training: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Compiled code would take long to make; that the backbone is compiled is what counts here.
    backends: list[str] = []
    proper = torch.nn.Module.compile

    def compiled(self: torch.nn.Module) -> None:
        backends.append("eager")
        proper(self, backend="eager")

    monkeypatch.setattr(torch.nn.Module, "compile", compiled)
    proxies = {"objective": {"name": "proxy_anchor"}, "miner": None}
    plain, fast = (job(pictures, recipe(NETWORK, **proxies, training=table)) for table in ({}, training))
    for done in (plain, fast):
        # What is dropped depends on where numbers lie in memory.
        done.embedder.backbone.drop.p = 0.0
    losses = [done.fit().history[0].loss for done in (plain, fast)]
    assert losses[1] == pytest.approx(losses[0], rel=0.02 if "precision" in training else 1e-4)
    assert backends == (["eager"] if "compile" in training else [])
    assert plain.embedder.state_dict().keys() == fast.embedder.state_dict().keys()
    if "channels_last" in training:
        assert fast.embedder.backbone.conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_scaled_gradients_of_float16_lead_to_nearly_the_same(backbone: Backbone) -> None:
    ends = []
    for precision in ("float32", "float16"):
        made = recipe(NETWORK, objective={"name": "proxy_anchor"}, miner=None, embedding={"initial": "orthogonal"})
        embedder = Embedder.on(backbone, made.backbone, made.embedding, seed=0).eval()
        torch.manual_seed(0)
        objective = made.build_objective(3)
        optimiser = torch.optim.SGD([*embedder.parameters(), *objective.parameters()], lr=0.1)
        stepper = Stepper(embedder, Criterion(Method(objective)), optimiser, precision, CPU, clip_norm=1.0)
        # Large scales make the first steps overflow, and be left out.
        stepper.scaler = torch.amp.GradScaler("cpu", init_scale=16.0, enabled=stepper.scaler.is_enabled())
        assert stepper.scaler.is_enabled() == (precision == "float16")
        pictures = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))
        losses = [float(stepper.step(pictures, torch.tensor([0, 0, 1, 1, 2, 2]))) for _ in range(5)]
        ends.append(losses)
    assert ends[1] == pytest.approx(ends[0], rel=0.02)
    assert ends[0][-1] < ends[0][0]


def test_a_precision_that_the_device_lacks_is_refused(pictures: Material) -> None:
    with pytest.raises(BackboneError, match="precision 'float16' is not available on cpu"):
        job(pictures, recipe(NETWORK, training={"precision": "float16"}))


@pytest.mark.parametrize(
    ("batches", "reason"),
    [
        ({"size": 12, "per_class": 12}, "per_class = 12, but the largest of .* classes has 8 images"),
        ({"size": 13}, "must be a multiple"),
        ({"size": 4, "per_class": 1}, "at least 2 images"),
    ],
)
def test_batches_that_cannot_be_made_are_refused_before_anything_begins(
    features: Material, batches: dict, reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        job(features, recipe(HEAD, batches=batches))


def test_a_checkpoint_of_another_run_is_refused_naming_what_differs(features: Material, tmp_path: Path) -> None:
    job(features, recipe(HEAD)).fit(CheckpointFile(tmp_path / "c.pt", {"seed": 0, "level": 1}))
    with pytest.raises(RunError, match=r"belongs to another run \(seed: 0 there, 1 here\)"):
        CheckpointFile(tmp_path / "c.pt", {"seed": 1, "level": 1}).read()


class RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("ran-code"),))


def damaged() -> Iterator[tuple[str, Callable[[Path], object]]]:
    yield "cut short", lambda path: path.write_bytes(path.read_bytes()[:500])
    yield "text", lambda path: path.write_text("hello")
    yield "empty", lambda path: path.write_bytes(b"")
    yield "hostile", lambda path: torch.save({"identity": {}, "model": RunsCode()}, path)
    yield "a list", lambda path: torch.save([1, 2], path)


@pytest.mark.parametrize("damage", [change for _, change in damaged()], ids=[name for name, _ in damaged()])
def test_a_damaged_or_hostile_checkpoint_is_refused(
    tmp_path: Path, damage: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = CheckpointFile(tmp_path / "c.pt", {})
    file.write({"model": {"a": torch.zeros(1000)}})
    assert file.read().keys() == {"model"}
    damage(file.path)
    with pytest.raises(RunError, match=r"c\.pt cannot be read.*Delete it") as raised:
        file.read()
    # What torch says besides is long, and advises to run what is in the file.
    assert len(str(raised.value)) - len(str(file.path)) < 200
    assert not (tmp_path / "ran-code").exists()


def test_a_writer_that_fails_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {})
    file.write({"epoch": 1})

    def fail(*_: object) -> None:
        raise StoppedError

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(StoppedError):
        file.write({"epoch": 2})
    monkeypatch.undo()
    assert file.read() == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_explained_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "c.pt", {})
    file.write({"epoch": 1})
    (tmp_path / ".unfinished-c.pt").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"cannot write .*c\.pt: No space left on device"):
        file.write({"model": torch.zeros(1_000_000)})
    assert file.read() == {"epoch": 1}
