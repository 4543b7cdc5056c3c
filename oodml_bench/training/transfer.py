"""Scoring a trained run on another dataset, of which it saw nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from oodml_bench.datasets import Dataset
from oodml_bench.errors import DatasetError
from oodml_bench.evaluation.metrics import checked_metrics, evaluate_embeddings
from oodml_bench.evaluation.results import ResultRow, Weights, write_results
from oodml_bench.features import Features
from oodml_bench.features.backbones import Backbone
from oodml_bench.features.loading import explained_loader_deaths
from oodml_bench.progress import working_on
from oodml_bench.splits.split import starting_split
from oodml_bench.training.embedding import embed
from oodml_bench.training.folder_names import as_part_of_a_file_name
from oodml_bench.training.inputs import FeatureInputs, Inputs, in_order
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material, open_data
from oodml_bench.training.samples import Samples, SampleSet, read_feature_rows
from oodml_bench.training.trained import Trained, material_of_run


@dataclass(frozen=True)
class Transfer:
    """Scores of a run on another dataset.

    Attributes
    ----------
    file
        Where they are kept.
    rows
        The scores.
    """

    file: Path
    rows: tuple[ResultRow, ...]


@explained_loader_deaths()
def evaluate_on(
    out: Path | str,
    data: Dataset | Features | str,
    *,
    material: Material | None = None,
    device: str = "auto",
    workers: int | None = None,
    backbone: Backbone | None = None,
    metrics: Sequence[str] | None = None,
    progress: bool = False,
) -> Transfer:
    """Score a finished run on the test classes of another dataset: its own test half, or that of the sorted classes.

    Results are written to `on-NAME.jsonl` in the run's folder. Their benchmark is called after both datasets, and their
    FID is that of the level on which the run was trained.

    Parameters
    ----------
    out
        The run's folder.
    data
        A dataset or its specification; for runs that trained a head on stored features, features of the other dataset
        by the same backbone.
    material, device, workers, backbone, metrics, progress
        As for `oodml_bench.evaluate_run`.

    Raises
    ------
    RunError
        As `oodml_bench.evaluate_run` does.
    DatasetError, FeatureError
        Where the other dataset cannot be opened or read, or does not fit the run.
    """
    chosen = checked_metrics(metrics)
    with working_on("Loading the run and the other dataset", shown=progress):
        given = material_of_run(out) if material is None else material
        trained = Trained.open(out, given, device=device, workers=workers, backbone=backbone)
        opened = open_data(data) if isinstance(data, str) else data
        samples = Samples.of(opened)
        test = samples.set_of(starting_split(tuple(samples.rows_of), opened.default_halves).test)
        inputs = _inputs(trained.job, opened, samples, test)
    with working_on(f"Scoring {len(test.classes)} classes of {opened.name}", shown=progress):
        rows = _rows(trained, opened.name, inputs, test, chosen, "last")
        if trained.fitted.selected is not None:
            rows += _rows(trained, opened.name, inputs, test, chosen, trained.take_best())
    file = trained.folder.path / f"on-{as_part_of_a_file_name(opened.name)}.jsonl"
    write_results(file, rows)
    return Transfer(file, tuple(rows))


def _inputs(job: Job, data: Dataset | Features, samples: Samples, test: SampleSet) -> Inputs:
    """Give what the embedder is fed of the test samples, by their places."""
    if isinstance(data, Features):
        return FeatureInputs(torch.from_numpy(_fitting_features(job, data)[test.rows]))
    pictures = job.pictures(data, [samples.names[row] or "" for row in test.rows], "none", job.seed)
    if job.embedder.backbone is not None:
        return pictures
    return FeatureInputs(torch.from_numpy(job.features_of(pictures, np.arange(len(test.rows)))))


def _fitting_features(job: Job, data: Features) -> NDArray[np.float32]:
    if job.embedder.backbone is not None:
        raise DatasetError(
            f"the recipe {job.recipe.name} trained a network, which needs pictures, but {data.name} is features"
        )
    features, expected = read_feature_rows(data), job.embedder.head.in_features
    if features.shape[1] != expected:
        raise DatasetError(
            f"{data.name} has features of {features.shape[1]} dimensions, but the run was trained on {expected}; "
            "extract them with the backbone of the run"
        )
    return features


def _rows(
    trained: Trained, name: str, inputs: Inputs, test: SampleSet, metrics: Sequence[str], weights: Weights
) -> list[ResultRow]:
    job = trained.job
    batches = in_order(np.arange(len(test.rows)), job.recipe.batches.size)
    with job.sparing_cpus():
        embeddings = embed(job.embedder.to(job.device), inputs.load(batches), job.device)
    scores = evaluate_embeddings(embeddings, test.labels, metrics=metrics, device=job.search_device, seed=0)
    benchmark = job.material.benchmark
    return [
        ResultRow(
            benchmark=f"{name}, trained on {benchmark.name}",
            level=job.number,
            fid=benchmark.levels[job.number].fid,
            recipe=job.recipe.name,
            seed=job.seed,
            weights=weights,
            shots=0,
            episode=None,
            gallery_classes=None,
            metric=metric,
            value=value,
        )
        for metric, value in scores.values.items()
    ]
