"""A run about to begin: its samples, its inputs, its embedder and its objective."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import oodml_bench
from oodml_bench.datasets import Dataset
from oodml_bench.errors import RecipeError, SplitError
from oodml_bench.evaluation.results import ResultRow, Weights
from oodml_bench.features import Features
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.devices import at_most_threads, choose_precision, default_workers, sparing_cpus
from oodml_bench.training.augmentation import Augmentation, training_transform
from oodml_bench.training.batches import BatchPlan
from oodml_bench.training.checkpoint import CheckpointFile
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.embedding import embed
from oodml_bench.training.inputs import Batch, FeatureInputs, Inputs, PictureInputs, Rows, in_order
from oodml_bench.training.material import Material
from oodml_bench.training.memory import explained_full_memory
from oodml_bench.training.methods import Criterion
from oodml_bench.training.pooling import set_pooling
from oodml_bench.training.recipe import Recipe
from oodml_bench.training.samples import SampleSet
from oodml_bench.training.scoring import Subject, renamed, zero_shot_rows
from oodml_bench.training.seeding import seeded_torch
from oodml_bench.training.trainer import EpochRecord, Fitted, fit

_LIBRARIES = ("torch", "torchvision", "timm", "pytorch-metric-learning", "faiss-cpu", "numpy", "scikit-learn", "pillow")


@dataclass(frozen=True, eq=False)
class LevelSets:
    """The samples of a level by what they are for.

    Attributes
    ----------
    train, validation, test
        Trained on, selected by, and scored. Without validation the train classes are all trained on.
    """

    train: SampleSet
    validation: SampleSet | None
    test: SampleSet

    @classmethod
    def of(cls, material: Material, number: int, *, validate: bool) -> LevelSets:
        """Divide a level.

        Raises
        ------
        SplitError
            Where there is no such level, or it has no validation classes and `validate` is on.
        DatasetError
            Where the samples are not those of the benchmark.
        """
        level, samples = material.level(number), material.samples
        if not validate:
            return cls(samples.set_of(level.train), None, samples.set_of(level.test))
        if not (level.split_train and level.split_val):
            raise SplitError(
                f"level {number} of the benchmark {material.benchmark.name} has no validation classes to select "
                "weights by: set `validate = false` in [training], or build the benchmark with validation splits"
            )
        sets = (samples.set_of(classes) for classes in (level.split_train, level.split_val, level.test))
        return cls(*sets)


@dataclass(eq=False)
class Job:
    """One run: everything that is needed to train it, and to score what came of it.

    Attributes
    ----------
    material, number, recipe, seed
        What is trained on which level, how, and with which seed.
    device
        Where.
    workers
        Loader processes.
    sets
        The level's samples.
    backbone
        None where the material is features.
    embedder
        The embedder; untrained at first.
    criterion
        The loss, at its beginning.
    """

    material: Material
    number: int
    recipe: Recipe
    seed: int
    device: torch.device
    workers: int
    sets: LevelSets
    backbone: Backbone | None
    embedder: Embedder = field(repr=False)
    criterion: Criterion = field(repr=False)

    @classmethod
    def prepared(
        cls,
        material: Material,
        number: int,
        recipe: Recipe,
        seed: int,
        *,
        device: torch.device,
        workers: int | None = None,
        backbone: Backbone | None = None,
    ) -> Job:
        """Make a job, and refuse what cannot be trained before anything is written.

        Raises
        ------
        SplitError, DatasetError
            See `LevelSets.of`.
        RecipeError
            Where the recipe does not fit the material, or no batches can be made of it.
        BackboneError, WeightsUnavailableError, MissingExtraError
            Where the backbone cannot be loaded, or the device does not compute with the precision.
        """
        _check_material(recipe, material)
        choose_precision(recipe.training.precision, device)
        sets = LevelSets.of(material, number, validate=recipe.training.validates)
        BatchPlan(sets.train, recipe.batches, seed).of_epoch(0)
        network = _loaded(recipe, backbone) if isinstance(material.data, Dataset) else None
        embedder = _embedder_of(recipe, material, network, seed)
        with seeded_torch(torch.device("cpu"), "objective", seed):
            criterion = Criterion.of(recipe, len(sets.train.classes), embedder)
        processes = default_workers(device) if workers is None else workers
        return cls(material, number, recipe, seed, device, processes, sets, network, embedder, criterion)

    @cached_property
    def inputs(self) -> Inputs:
        """What the embedder is fed. For a head on pictures the backbone's features are computed here."""
        if self.backbone is None:
            return FeatureInputs(torch.from_numpy(self.material.feature_rows))
        names = [name or "" for name in self.material.samples.names]
        pictures = self.pictures(dataset_of(self.material), names, self.recipe.augmentation, self.seed)
        if self.recipe.trains == "network":
            return pictures
        sets = (self.sets.train, self.sets.validation, self.sets.test)
        rows = np.concatenate([part.rows for part in sets if part is not None])
        # Rows of other classes stay empty: nobody asks for them.
        features = np.zeros((len(names), self.backbone.dimension), np.float32)
        features[rows] = self.features_of(pictures, rows)
        return FeatureInputs(torch.from_numpy(features))

    def pictures(
        self, dataset: Dataset, samples: Sequence[str], augmentation: Augmentation, seed: int
    ) -> PictureInputs:
        """Give pictures as the backbone takes them.

        Parameters
        ----------
        dataset
            Whose pictures.
        samples
            Their names; inputs are asked for by places in this list.
        augmentation
            See `oodml_bench.training.augmentation.training_transform`.
        seed
            Of what is random about them.

        Raises
        ------
        RecipeError
            Where the run is about features, and has no backbone.
        """
        if self.backbone is None:
            raise RecipeError(
                f"the recipe {self.recipe.name} was trained on stored features, and has no backbone for the pictures "
                f"of {dataset.name}: extract features of them by the same backbone, and give these"
            )
        return PictureInputs(
            samples=samples,
            images=dataset.images,
            training=training_transform(augmentation, self.backbone),
            evaluation=self.backbone.transform,
            seed=seed,
            workers=self.workers,
            pinned=self.device.type == "cuda",
        )

    def features_of(self, pictures: PictureInputs, places: Rows) -> NDArray[np.float32]:
        """Give the features, (N, F), that the backbone makes of pictures before it is trained."""
        if self.backbone is None:
            raise RecipeError(f"the recipe {self.recipe.name} was given features, and no backbone")
        network = copy.deepcopy(self.backbone.module).to(self.device)
        set_pooling(network, self.recipe.backbone.pooling, self.backbone.name)
        return embed(network, pictures.load(self._in_order(places)), self.device)

    def fit(
        self,
        checkpoint: CheckpointFile | None = None,
        watch: Callable[[Sequence[EpochRecord]], None] | None = None,
        *,
        progress: bool = False,
    ) -> Fitted:
        """Train; see `oodml_bench.training.trainer.fit`."""
        with self.sparing_cpus():
            return fit(
                self.embedder,
                self.criterion,
                self.inputs,
                self.sets.train,
                self.recipe,
                seed=self.seed,
                device=self.device,
                validation=self.sets.validation,
                checkpoint=checkpoint,
                watch=watch,
                progress=progress,
            )

    def rows(self, fitted: Fitted, metrics: Sequence[str] | None = None) -> list[ResultRow]:
        """Score the test classes by the last weights, which the embedder holds, and by the selected ones."""
        last = self._scored("last", metrics)
        if fitted.selected is None:
            return last
        if fitted.selected.epoch == len(fitted.history):
            return [*last, *renamed(last, "selected")]
        self.embedder.load_state_dict(fitted.selected.weights)
        return [*last, *self._scored("selected", metrics)]

    def _scored(self, weights: Weights, metrics: Sequence[str] | None) -> list[ResultRow]:
        test = self.sets.test
        with self.sparing_cpus():
            embeddings = embed(self.embedder.to(self.device), self.inputs.load(self._in_order(test.rows)), self.device)
        subject = Subject(self.material.benchmark, self.number, self.recipe.name, self.seed)
        with explained_full_memory():
            return zero_shot_rows(subject, embeddings, test.labels, weights, metrics=metrics, device=self.search_device)

    @property
    def search_device(self) -> str:
        """Where neighbours are searched: on the GPU of a run on CUDA, else on the CPU."""
        return str(self.device) if self.device.type == "cuda" else "cpu"

    def _in_order(self, rows: Rows) -> Iterator[Batch]:
        return in_order(rows, self.recipe.batches.size)

    @contextmanager
    def sparing_cpus(self) -> Iterator[None]:
        """Compute with as many threads as pay.

        Whatever the number of workers: sums of float32 depend on the number of threads.
        """
        # A lone layer is too small to share out: threads that wait for one another take twice as long.
        with at_most_threads(1) if self.backbone is None else sparing_cpus(self.device):
            yield

    def description(self) -> dict[str, Any]:
        """Give what this run is, in built-in types: the content of `run.json`."""
        material = self.material
        return {
            "benchmark": {
                "name": material.benchmark.name,
                "file": material.benchmark_file,
                "digest": material.benchmark_digest,
            },
            "level": self.number,
            "fid": material.benchmark.levels[self.number].fid,
            "seed": self.seed,
            "recipe": self.recipe.as_dict(),
            "dataset": {
                "name": material.samples.source,
                "spec": material.data_spec,
                "fingerprint": material.samples.fingerprint,
            },
            "backbone": self._backbone_description(),
            "device": str(self.device),
            "versions": {"oodml-bench": oodml_bench.__version__} | _versions(),
        }

    def _backbone_description(self) -> dict[str, Any]:
        if self.backbone is None:
            return {**_features_of(self.material).specification, "sha256": self.material.feature_digest}
        return {
            "backbone": self.backbone.name,
            "weights_id": self.backbone.weights_id,
            "weights_sha256": self.backbone.weights_sha256,
            "transform": self.backbone.transform_description,
            "dimension": self.backbone.dimension,
        }


def _embedder_of(recipe: Recipe, material: Material, backbone: Backbone | None, seed: int) -> Embedder:
    if recipe.trains == "network" and backbone is not None:
        return Embedder.on(
            backbone,
            recipe.backbone,
            recipe.embedding,
            seed=seed,
            part_weights=recipe.part_weights,
            keeps_maxima=recipe.keeps_maxima,
        )
    features = material.feature_rows.shape[1] if backbone is None else backbone.dimension
    return Embedder(None, features, recipe.embedding, seed=seed, part_weights=recipe.part_weights)


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        # faiss comes as one of several packages.
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _check_material(recipe: Recipe, material: Material) -> None:
    if recipe.trains == "network" and not isinstance(material.data, Dataset):
        raise RecipeError(
            f"the recipe {recipe.name} trains the network, which needs pictures, but {material.data.name} is features. "
            'Give the dataset, or a recipe with trains = "head".'
        )


def _loaded(recipe: Recipe, backbone: Backbone | None) -> Backbone:
    settings = recipe.backbone
    if backbone is None:
        return settings.load()
    if backbone.name != settings.name:
        raise RecipeError(
            f"the recipe {recipe.name} trains the backbone {settings.name}, but {backbone.name} was given"
        )
    return backbone


def dataset_of(material: Material) -> Dataset:
    """Give the dataset of a material that is about pictures.

    Raises
    ------
    RecipeError
        Where it is about features.
    """
    if not isinstance(material.data, Dataset):
        raise RecipeError(f"{material.data.name} is features, which hold no pictures")
    return material.data


def _features_of(material: Material) -> Features:
    if isinstance(material.data, Dataset):
        raise RecipeError(f"{material.data.name} is a dataset, not features of one")
    return material.data
