"""Training: epochs of steps, model selection by held-out classes, and a checkpoint after every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, PositiveInt

from oodml_bench.evaluation.metrics import evaluate_embeddings
from oodml_bench.features.devices import choose_precision
from oodml_bench.progress import Advance, progress_of
from oodml_bench.training.augmentation import Augmentation
from oodml_bench.training.batches import BatchPlan
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.embedding import embed
from oodml_bench.training.inputs import Batch, Inputs, in_order
from oodml_bench.training.methods import Criterion
from oodml_bench.training.optimisers import build_optimiser, schedule_learning_rates
from oodml_bench.training.samples import SampleSet
from oodml_bench.training.seeding import seeded_torch
from oodml_bench.training.settings import Settings
from oodml_bench.training.stepping import StepLosses, Stepper

if TYPE_CHECKING:
    from oodml_bench.training.recipe import Recipe

#: Metrics that a greater value of is better, and that weights may be selected by.
Selector = Literal[
    "recall@1", "recall@2", "recall@4", "recall@8", "recall@10", "recall@100", "recall@1000", "map@r", "map@1000",
    "nmi", "f1",
]  # fmt: skip

#: Measured on the validation classes after every epoch, besides what selects.
WATCHED = ("recall@1", "map@r")

Weights = dict[str, torch.Tensor]


class TrainingSettings(Settings):
    """The `[training]` table of a recipe.

    Attributes
    ----------
    epochs
        How often every class comes up, about.
    precision
        What the backbone computes with: see `oodml_bench.features.devices.choose_precision`; float16 with scaled
        gradients. The embedding layer, the objective and every evaluation compute with float32.
    channels_last
        Keep pictures and filters with their channels last in memory, which GPUs with tensor cores prefer.
    compile
        Compile the backbone with `torch.compile`.
    augmentation
        See `oodml_bench.training.augmentation.training_transform`. None: `standard`, and `none` for a recipe that
        trains the head alone.
    validate
        Train on the level's `split_train`, and select weights by its `split_val`; else train on all train classes, and
        keep the last weights alone.
    select_by
        The metric of the validation classes whose greatest value selects the weights.
    """

    epochs: PositiveInt
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    channels_last: bool = False
    compile: bool = False
    augmentation: Augmentation | None = None
    # Pydantic's models have a method of the name.
    validates: bool = Field(default=True, alias="validate")
    select_by: Selector = "recall@1"


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch came to.

    Attributes
    ----------
    epoch
        From 1.
    loss
        Mean over the steps.
    lr
        Of the embedding layer.
    images_per_second
        Samples trained on a second, evaluation left out. The only one that differs when a run is repeated.
    validation
        Metric → score of the validation classes after it.
    """

    epoch: int
    loss: float
    lr: float
    images_per_second: float
    validation: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Selected:
    """The weights of the epoch with the best validation score; of the first of them where several have it.

    Attributes
    ----------
    epoch
        From 1.
    score
        On the validation classes.
    weights
        Copies of the embedder's, on the CPU.
    """

    epoch: int
    score: float
    weights: Weights = field(repr=False)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What training led to; the embedder itself holds the last weights.

    Attributes
    ----------
    history
        The epochs.
    selected
        The selected weights; None without validation.
    """

    history: tuple[EpochRecord, ...]
    selected: Selected | None


def fit(
    embedder: Embedder,
    criterion: Criterion,
    inputs: Inputs,
    samples: SampleSet,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    validation: SampleSet | None = None,
    checkpoint: CheckpointFile | None = None,
    watch: Callable[[Sequence[EpochRecord]], None] | None = None,
    progress: bool = False,
) -> Fitted:
    """Train an embedder, in place.

    With a checkpoint file a run that was stopped at any moment is continued by the same call; on the CPU it then ends
    with the same weights, bit for bit, as one that was not stopped. Whatever is random in an epoch depends on the seed
    and the epoch alone; torch's global random state is left as it is.

    Parameters
    ----------
    embedder, criterion
        What is trained, and by which loss. Moved to the device.
    inputs
        Of all samples.
    samples
        What is trained on.
    recipe
        How; its tables `[batches]`, `[optimiser]` and `[training]`.
    seed
        Of batches, augmentation and miners.
    device
        Where.
    validation
        Held-out classes by which weights are selected.
    checkpoint
        Where the state is kept after every epoch.
    watch
        Called after every epoch that this call trained, when its checkpoint is written, with all epochs so far.
    progress
        Show progress on standard error.

    Returns
    -------
    Fitted

    Raises
    ------
    TrainingError
        Where a loss or a weight is not finite, or the GPU's memory is full. The last finished epoch's checkpoint stays.
    RunError
        Where the checkpoint is damaged, or of another run.
    RecipeError
        Where no batches can be made of these samples.
    BackboneError
        Where the device does not compute with the precision.
    """
    run = _Run.begun(embedder, criterion, samples, recipe, seed, device, validation)
    if checkpoint is not None and (state := checkpoint.read()) is not None:
        run.load(state)
    epochs = recipe.training.epochs
    steps = len(run.plan.of_epoch(run.done)) * (epochs - run.done) if run.done < epochs else 0
    stream = inputs.load(run.batches_to_come())
    with progress_of("Training steps", steps, shown=progress) as advance:
        while run.done < epochs:
            run.train_epoch(stream, advance)
            if checkpoint is not None:
                checkpoint.write(run.state())
            if watch is not None:
                watch(run.history)
    embedder.hold_backbone(False)
    return Fitted(tuple(run.history), run.selected)


@dataclass(eq=False)
class _Run:
    """A training run between two epochs."""

    stepper: Stepper
    plan: BatchPlan
    recipe: Recipe
    seed: int
    validation: SampleSet | None
    history: list[EpochRecord] = field(default_factory=list)
    selected: Selected | None = None

    @classmethod
    def begun(
        cls,
        embedder: Embedder,
        criterion: Criterion,
        samples: SampleSet,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        validation: SampleSet | None,
    ) -> _Run:
        embedder.to(device)
        if recipe.training.channels_last:
            embedder.to(memory_format=torch.channels_last)
        if recipe.training.compile and embedder.backbone is not None:
            embedder.backbone.compile()
        criterion.to(device)
        of_embedder = embedder.parameter_groups(
            lr=recipe.optimiser.lr,
            head_lr=recipe.optimiser.head_lr,
            weight_decay=recipe.optimiser.weight_decay,
        )
        stepper = Stepper(
            embedder,
            criterion,
            build_optimiser(recipe.optimiser, [*of_embedder, *criterion.parameter_groups()]),
            choose_precision(recipe.training.precision, device),
            device,
            recipe.optimiser.clip_norm,
        )
        plan = BatchPlan(samples, recipe.batches, seed, criterion.views)
        return cls(stepper, plan, recipe, seed, validation)

    @property
    def done(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    def batches_to_come(self) -> Iterator[Batch]:
        """Give the batches that are loaded from here on: each epoch's, and after it those of validation.

        All in one stream, so that the next ones are loaded meanwhile, by the same processes.
        """
        for epoch in range(self.done, self.recipe.training.epochs):
            yield from self.plan.to_load(epoch)
            yield from self._batches_of_validation()

    def _batches_of_validation(self) -> Iterator[Batch]:
        return iter(()) if self.validation is None else in_order(self.validation.rows, self.recipe.batches.size)

    def train_epoch(self, stream: Iterator[torch.Tensor], advance: Advance) -> None:
        """Train the next epoch on the next inputs of the stream, and take down what it came to."""
        epoch, optimiser = self.done, self.recipe.optimiser
        schedule_learning_rates(self.stepper.optimiser, optimiser, epoch, self.recipe.training.epochs)
        self.stepper.embedder.hold_backbone(epoch < optimiser.warmup_epochs)
        begin = time.perf_counter()
        with seeded_torch(self.stepper.device, "epoch", self.seed, epoch):
            loss, count = self._steps(epoch, stream, advance)
        seconds = time.perf_counter() - begin
        self.stepper.check_weights(f"epoch {epoch + 1}")
        record = EpochRecord(epoch + 1, loss, self._head_lr(), count / seconds, self._validation_scores(stream))
        self.history.append(record)
        self._select(record)

    def _steps(self, epoch: int, stream: Iterator[torch.Tensor], advance: Advance) -> tuple[float, int]:
        """Take the steps of an epoch; give the mean loss and the number of samples."""
        self.stepper.embedder.train()
        self.stepper.criterion.train()
        losses, count = StepLosses(f"epoch {epoch + 1}"), 0
        for positions, inputs in zip(self.plan.of_epoch(epoch), stream, strict=False):
            labels = torch.from_numpy(self.plan.samples.labels[positions])
            losses.add(self.stepper.step(self._placed(inputs), labels.to(self.stepper.device, non_blocking=True)))
            count += len(positions)
            advance(1)
        return losses.mean(), count

    def _placed(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.recipe.training.channels_last and inputs.ndim == 4:
            return inputs.to(self.stepper.device, non_blocking=True, memory_format=torch.channels_last)
        return inputs.to(self.stepper.device, non_blocking=True)

    def _head_lr(self) -> float:
        head = id(self.stepper.embedder.head.weight)
        groups = self.stepper.optimiser.param_groups
        return next(group["lr"] for group in groups if any(id(weights) == head for weights in group["params"]))

    def _validation_scores(self, stream: Iterator[torch.Tensor]) -> dict[str, float]:
        if self.validation is None:
            return {}
        count = len(list(self._batches_of_validation()))
        embeddings = embed(self.stepper.embedder, islice(stream, count), self.stepper.device)
        metrics = dict.fromkeys((self.recipe.training.select_by, *WATCHED))
        return evaluate_embeddings(embeddings, self.validation.labels, metrics=tuple(metrics), seed=self.seed).values

    def _select(self, record: EpochRecord) -> None:
        if not record.validation:
            return
        score = record.validation[self.recipe.training.select_by]
        if self.selected is None or score > self.selected.score:
            # Copies: training goes on in the tensors of a state dict.
            state = self.stepper.embedder.state_dict()
            weights = {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}
            self.selected = Selected(record.epoch, score, weights)

    def state(self) -> dict[str, Any]:
        """Give everything that the next epoch depends on, and what came before it."""
        best = self.selected
        return {
            "model": self.stepper.embedder.state_dict(),
            "criterion": self.stepper.criterion.state_dict(),
            "optimiser": self.stepper.optimiser.state_dict(),
            "scaler": self.stepper.scaler.state_dict(),
            "history": [asdict(record) for record in self.history],
            "selected": None if best is None else {"epoch": best.epoch, "score": best.score, "weights": best.weights},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.stepper.embedder.load_state_dict(state["model"])
        self.stepper.criterion.load_state_dict(state["criterion"])
        self.stepper.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"]:  # Empty where gradients were not scaled, as on another device.
            self.stepper.scaler.load_state_dict(state["scaler"])
        self.history = [EpochRecord(**record) for record in state["history"]]
        self.selected = None if state["selected"] is None else Selected(**state["selected"])
