"""Adapting a trained embedding to new classes by a few samples of each."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import chain, count, islice
from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from oodml_bench.errors import RecipeError
from oodml_bench.features.devices import choose_precision
from oodml_bench.training.augmentation import Augmentation
from oodml_bench.training.batches import BatchPlan, BatchSettings
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.embedding import embed
from oodml_bench.training.folder_names import FolderName
from oodml_bench.training.inputs import Batch, Inputs, in_order
from oodml_bench.training.methods import Criterion, Method
from oodml_bench.training.miners import MINERS, build_miner
from oodml_bench.training.objectives import OBJECTIVES, Objective, build_objective, check_objective
from oodml_bench.training.optimisers import OptimiserSettings, build_optimiser
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.samples import SampleSet
from oodml_bench.training.seeding import generator_for, seeded_torch
from oodml_bench.training.settings import Settings, parse_settings
from oodml_bench.training.stepping import StepLosses, Stepper


class Adaptation(Settings):
    """How a trained embedding is adapted to the support samples of an episode: a file of `baselines/adaptations`.

    Attributes
    ----------
    name
        What results and folders call it.
    classifier
        The plain references, which leave the network as it is and name a class for each query: `class_means`, the class
        whose mean of support features is the nearest; `linear_probe`, a logistic regression on the support's features.
        None: train, as all that follows says.
    layers
        What is trained: `last`, the embedding layer alone, or `all`.
    objective, miner
        As in a recipe. Proxies and class weights begin at the means of the support.
    steps, steps_at
        Number of training steps, and shots → steps where they are others.
    lr_multiplier
        The recipe's learning rates, as they were at its beginning, are multiplied by it. Adam, without weight decay,
        at a constant rate.
    batches
        See `BatchSettings`. Where the support is smaller than a batch, all of it is the batch.
    augmentation
        See `oodml_bench.training.augmentation.training_transform`. None: the recipe's where all layers are trained;
        pictures as they are where the last is, so that the backbone sees each of them once.
    """

    name: FolderName
    classifier: Literal["class_means", "linear_probe"] | None = None
    layers: Literal["last", "all"] = "last"
    objective: dict[str, Any] | None = None
    miner: dict[str, Any] | None = None
    steps: PositiveInt = 1000
    steps_at: dict[PositiveInt, PositiveInt] = Field(default_factory=dict)
    lr_multiplier: PositiveFloat = 10
    batches: BatchSettings = BatchSettings()
    augmentation: Augmentation | None = None

    @model_validator(mode="after")
    def _trains_or_classifies(self) -> Adaptation:
        if (self.classifier is None) == (self.objective is None):
            raise ValueError(
                "it needs an [objective] to train by, or a `classifier` that trains nothing; one of the two"
            )
        return self

    def as_dict(self) -> dict[str, Any]:
        """Give all settings in built-in types: `parse_adaptation` of it is this adaptation again."""
        return self.model_dump(mode="json")

    def at(self, shots: int) -> Adaptation:
        """Give what it is for a number of shots."""
        return self.model_copy(update={"steps": self.steps_at.get(shots, self.steps), "steps_at": {}})

    def build_objective(self, class_count: int, dimension: int) -> Objective:
        """Make the objective, with its miner, for a number of support classes."""
        miner = None if self.miner is None else build_miner(self.miner)
        return build_objective(self.objective or {}, class_count=class_count, dimension=dimension, miner=miner)


def parse_adaptation(content: Mapping[str, Any], where: str) -> Adaptation:
    """Check an adaptation as it stands in a file, with its name, and spell out every setting.

    Raises
    ------
    RecipeError
        Where a key is unknown (the message gives the nearest one), a value is missing or not allowed, or settings do
        not fit each other.
    """
    adaptation = parse_settings(Adaptation, content, where)
    if adaptation.objective is None:
        return adaptation
    check_objective(adaptation.objective, f"[objective] of {where}", has_miner=adaptation.miner is not None)
    spelled_out = {"objective": OBJECTIVES.spelled_out(adaptation.objective, f"[objective] of {where}")}
    if adaptation.miner is not None:
        spelled_out["miner"] = MINERS.spelled_out(adaptation.miner, f"[miner] of {where}")
    return adaptation.model_copy(update=spelled_out)


def adapt(
    embedder: Embedder,
    inputs: Inputs,
    support: SampleSet,
    adaptation: Adaptation,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
) -> Embedder:
    """Adapt a copy of an embedder to support samples.

    Whatever is random depends on the seed alone; torch's global random state is left as it is.

    Parameters
    ----------
    embedder
        What is adapted; left as it is.
    inputs
        Of the support samples: pictures, or features for an embedder without a backbone.
    support
        What is adapted on.
    adaptation
        How, at a number of shots (`Adaptation.at`); one that trains.
    recipe
        What the embedder was trained by: its learning rates and its precision.
    seed
        Of batches and miners.
    device
        Where.

    Returns
    -------
    Embedder
        The adapted copy, on the device, in evaluation mode.

    Raises
    ------
    TrainingError
        Where a loss or a weight is not finite, or the GPU's memory is full.
    RecipeError
        Where no batches can be made of the support.
    DatasetError
        Where a picture cannot be read.
    """
    with seeded_torch(device, "adaptation", seed):
        stepper = _begun(embedder, inputs, support, adaptation, recipe, device)
        plan = BatchPlan(support, adaptation.batches, seed)
        losses = StepLosses("the adaptation")
        batches = islice(_endless(plan), adaptation.steps)
        for positions, loaded in zip(islice(_positions(plan), adaptation.steps), inputs.load(batches), strict=True):
            labels = torch.from_numpy(support.labels[positions])
            losses.add(stepper.step(loaded.to(device), labels.to(device)))
        losses.mean()
        stepper.check_weights("the adaptation")
    stepper.embedder.hold_backbone(False)
    return stepper.embedder.eval()


def seed_of_episode(seed: int, shots: int, episode: int) -> int:
    """Give the seed of an episode's adaptation: one that repeats alone is the same as among others."""
    return int(generator_for("episode", seed, shots, episode).integers(2**31))


def _begun(
    embedder: Embedder,
    inputs: Inputs,
    support: SampleSet,
    adaptation: Adaptation,
    recipe: Recipe,
    device: torch.device,
) -> Stepper:
    if adaptation.layers == "all" and embedder.backbone is None:
        raise RecipeError(
            f"the adaptation {adaptation.name} trains all layers, but the recipe {recipe.name} trains the embedding "
            'layer alone: set layers = "last"'
        )
    adapted = copy.deepcopy(embedder).to(device)
    adapted.train()
    adapted.hold_backbone(adaptation.layers == "last")
    objective = adaptation.build_objective(len(support.classes), embedder.settings.dimension).to(device)
    embeddings = embed(adapted, inputs.load(in_order(support.rows, adaptation.batches.size)), device)
    objective.start_at(class_means(torch.from_numpy(embeddings), torch.from_numpy(support.labels)).to(device))
    criterion = Criterion(Method(objective))
    rate, multiplier = recipe.optimiser, adaptation.lr_multiplier
    groups = adapted.parameter_groups(lr=rate.lr * multiplier, head_lr=rate.embedding_lr * multiplier, weight_decay=0.0)
    optimiser = build_optimiser(OptimiserSettings(), [*groups, *criterion.parameter_groups()])
    return Stepper(adapted, criterion.train(), optimiser, choose_precision(recipe.training.precision, device), device)


def class_means(vectors: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Give the mean of the vectors (N, D) of each class, (C, D), at the length 1."""
    classes = int(labels.max()) + 1
    sums = torch.zeros(classes, vectors.shape[1], dtype=vectors.dtype).index_add_(0, labels, vectors)
    return torch.nn.functional.normalize(sums)


def _positions(plan: BatchPlan) -> Iterator[Any]:
    return chain.from_iterable(plan.of_epoch(epoch) for epoch in count())


def _endless(plan: BatchPlan) -> Iterator[Batch]:
    return chain.from_iterable(plan.to_load(epoch) for epoch in count())
