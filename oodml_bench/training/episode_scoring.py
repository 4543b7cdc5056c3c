"""Scoring few-shot episodes of a trained run: as it was trained, and adapted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from oodml_bench.errors import RecipeError
from oodml_bench.evaluation.fixed_galleries import drawn_classes, size_controlled_scores
from oodml_bench.evaluation.metrics import evaluate_embeddings
from oodml_bench.evaluation.results import ResultRow, Weights
from oodml_bench.features.devices import at_most_threads
from oodml_bench.training.adaptation import Adaptation, adapt, seed_of_episode
from oodml_bench.training.classifiers import Scores, accuracy, class_mean_scores, linear_probe_scores
from oodml_bench.training.embedder import Embedder
from oodml_bench.training.embedding import embed
from oodml_bench.training.episodes import EpisodeSets, smallest_query_gallery
from oodml_bench.training.inputs import FeatureInputs, Inputs, in_order
from oodml_bench.training.job import Job, dataset_of
from oodml_bench.training.memory import explained_full_memory
from oodml_bench.training.samples import Indices, SampleSet
from oodml_bench.training.scoring import Subject

#: What queries are scored by, among themselves, besides the accuracy of naming their classes by the support.
METRICS = ("recall@1", "map@r")

#: Share of queries whose class has the nearest mean of support embeddings, or that a classifier names rightly.
ACCURACY = "accuracy"

#: Galleries that scores on one number of classes are averaged over, and the seed that draws them.
_DRAWS, _SEED = 10, 0

_CLASSIFIERS = {"class_means": class_mean_scores, "linear_probe": linear_probe_scores}

Vectors = NDArray[np.float32]

#: Classes in a gallery, metric, value.
_Scored = Iterator[tuple[int | None, str, float]]


@dataclass(eq=False)
class EpisodeScorer:
    """Scores the episodes of a job whose embedder holds trained weights, which stay as they are.

    What the backbone makes of the test samples is computed once, for all episodes.

    Attributes
    ----------
    job
        The job.
    weights
        What rows call the weights.
    """

    job: Job
    weights: Weights

    def rows(self, shots: int, episode: int, adaptation: Adaptation | None) -> list[ResultRow]:
        """Score the queries of an episode.

        Parameters
        ----------
        shots, episode
            Which episode.
        adaptation
            What happens before; None: nothing, the weights are scored as they were trained.

        Returns
        -------
        list of ResultRow
            Recall@1 and MAP@R of the queries among themselves, and the accuracy of naming their classes by the support;
            each also on galleries of one number of classes for all levels. Of classifiers the accuracy alone.

        Raises
        ------
        SplitError, DatasetError, RecipeError, TrainingError
            Where there is no such episode, samples are missing, the adaptation does not fit, or it fails.
        """
        sets = EpisodeSets.of(self.job.material, self.job.number, shots, episode)
        sets = EpisodeSets(self._placed(sets.support), self._placed(sets.queries), sets.of_same_classes)
        classes = smallest_query_gallery(self.job.material.benchmark, shots)
        if adaptation is not None and adaptation.classifier is not None:
            scored = self._classified(sets, adaptation, classes)
        else:
            vectors = self._embeddings if adaptation is None else self._adapted(sets, adaptation, shots, episode)
            scored = self._scored(sets, vectors, classes)
        subject = Subject(self.job.material.benchmark, self.job.number, self.job.recipe.name, self.job.seed)
        name = None if adaptation is None else adaptation.name
        return [
            replace(subject.row(self.weights, *values), shots=shots, episode=episode, adaptation=name)
            for values in scored
        ]

    @cached_property
    def _test(self) -> SampleSet:
        return self.job.sets.test

    def _placed(self, samples: SampleSet) -> SampleSet:
        """Give samples by their places among the test samples, instead of among all."""
        order = np.argsort(self._test.rows, kind="stable")
        places = order[np.searchsorted(self._test.rows, samples.rows, sorter=order)]
        return SampleSet(samples.classes, places, samples.labels)

    @cached_property
    def _features(self) -> FeatureInputs:
        """The backbone's features of the test samples, in their order."""
        embedder, inputs = self.job.embedder, self.job.inputs
        if embedder.backbone is None:
            loaded = inputs.load(in_order(self._test.rows, len(self._test.rows)))
            return FeatureInputs(torch.cat(list(loaded)))
        network = _Features(embedder.to(self.job.device))
        with self.job.sparing_cpus():
            rows = in_order(self._test.rows, self.job.recipe.batches.size)
            return FeatureInputs(torch.from_numpy(embed(network, inputs.load(rows), self.job.device)))

    @cached_property
    def _embeddings(self) -> Vectors:
        """The embeddings of the test samples as trained."""
        return self._embedded(self.job.embedder.head_alone(), self._features)

    def _embedded(self, embedder: Embedder, inputs: Inputs) -> Vectors:
        places = np.arange(len(self._test.rows))
        device = self.job.device
        return embed(embedder.to(device), inputs.load(in_order(places, self.job.recipe.batches.size)), device)

    def _adapted(self, sets: EpisodeSets, adaptation: Adaptation, shots: int, episode: int) -> Vectors:
        """Adapt the embedder, and give the embeddings of the test samples."""
        seed = seed_of_episode(self.job.seed, shots, episode)
        inputs: Inputs
        if adaptation.layers == "last" and adaptation.augmentation in (None, "none"):
            embedder, inputs = self.job.embedder.head_alone(), self._features
        elif self.job.embedder.backbone is None:
            raise RecipeError(
                f"the adaptation {adaptation.name} trains on pictures, but the recipe {self.job.recipe.name} trains "
                'the embedding layer alone, on features: set layers = "last", and leave `augmentation` out'
            )
        else:
            embedder, inputs = self.job.embedder, self._pictures(adaptation, seed)
        # A lone layer is too small to share out among threads.
        with at_most_threads(1) if embedder.backbone is None else self.job.sparing_cpus():
            adapted = adapt(
                embedder, inputs, sets.support, adaptation.at(shots), self.job.recipe, seed=seed, device=self.job.device
            )
            if adaptation.layers == "last":
                return self._embedded(adapted.head_alone(), self._features)
            return self._embedded(adapted, inputs)

    def _pictures(self, adaptation: Adaptation, seed: int) -> Inputs:
        augmentation = self.job.recipe.augmentation if adaptation.augmentation is None else adaptation.augmentation
        names = [self.job.material.samples.names[row] or "" for row in self._test.rows]
        return self.job.pictures(dataset_of(self.job.material), names, augmentation, seed)

    def _scored(self, sets: EpisodeSets, vectors: Vectors, classes: int | None) -> _Scored:
        device = self.job.search_device
        embeddings, labels = vectors[sets.queries.rows], sets.queries.labels
        with explained_full_memory():
            plain = evaluate_embeddings(embeddings, labels, metrics=METRICS, device=device).values
            yield from ((None, metric, value) for metric, value in plain.items())
            if classes is not None:
                controlled = size_controlled_scores(
                    embeddings, labels, classes, draws=_DRAWS, seed=_SEED, metrics=METRICS, device=device
                )
                yield from ((classes, metric, value) for metric, value in controlled.items())
        if sets.of_same_classes:
            scores = class_mean_scores(vectors[sets.support.rows], sets.support.labels, embeddings)
            yield from _accuracies(scores, labels, classes)

    def _classified(self, sets: EpisodeSets, adaptation: Adaptation, classes: int | None) -> _Scored:
        if not sets.of_same_classes:
            raise RecipeError(
                f"{adaptation.name} names the classes of queries by support of the same classes, but these episodes "
                "have whole classes as support. Choose an adaptation that trains, such as margin."
            )
        features = self._features.features.numpy()
        classify = _CLASSIFIERS[adaptation.classifier or ""]
        scores = classify(features[sets.support.rows], sets.support.labels, features[sets.queries.rows])
        return _accuracies(scores, sets.queries.labels, classes)


def _accuracies(scores: Scores, labels: Indices, classes: int | None) -> _Scored:
    yield None, ACCURACY, accuracy(scores, labels)
    if classes is not None:
        drawn = drawn_classes(scores.shape[1], classes, _DRAWS, _SEED)
        yield classes, ACCURACY, float(np.mean([accuracy(scores, labels, gallery) for gallery in drawn]))


class _Features(torch.nn.Module):
    """The features that an embedder's linear layer gets."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self.embedder = embedder

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give (B, F) float32."""
        return self.embedder.outputs(inputs).features
