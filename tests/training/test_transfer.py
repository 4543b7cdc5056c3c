"""Scoring runs on other datasets."""

import numpy as np
import pytest
import torch

from oodml_bench.datasets import dataset_from_arrays
from oodml_bench.errors import DatasetError, RecipeError
from oodml_bench.evaluation import evaluate_embeddings
from oodml_bench.evaluation.results import read_results
from oodml_bench.features import open_features
from oodml_bench.training.running import train_run
from oodml_bench.training.trained import Trained
from oodml_bench.training.transfer import evaluate_on
from tests.splits.benchmarks import write_arrays
from tests.training.few_shot_samples import trained_head, trained_network
from tests.training.training_samples import HEAD, picture_arrays, recipe, small_backbone

QUICK = ("recall@1", "map@r")


def other_pictures():
    images, names = picture_arrays(10, 4)
    return dataset_from_arrays("others", 255 - images, [f"other {name}" for name in names])


def scored(out, data, material, backbone=None):
    return evaluate_on(
        out, data, material=material, device="cpu", workers=0, backbone=backbone or small_backbone(), metrics=QUICK
    )


def test_the_test_half_of_the_other_dataset_is_scored(pictures, tmp_path):
    out = trained_network(pictures, tmp_path / "run")
    results = (out / "results.jsonl").read_bytes()
    done = scored(out, other_pictures(), pictures)
    assert done.file == out / "on-others.jsonl"
    assert sorted(map(repr, read_results(done.file))) == sorted(map(repr, done.rows))
    assert (out / "results.jsonl").read_bytes() == results
    assert {(row.benchmark, row.level, row.fid) for row in done.rows} == {("others, trained on pictures", 1, 1.5)}
    assert {row.weights for row in done.rows} == {"last", "selected"}

    trained = Trained.open(out, pictures, device="cpu", workers=0, backbone=small_backbone())
    backbone, embedder = small_backbone(), trained.job.embedder.eval()
    other = other_pictures()
    test = other.classes[5:]
    images = torch.stack([backbone.transform(other.images.open(s)) for name in test for s in other.samples[name]])
    with torch.no_grad():
        embeddings = embedder(images).numpy()
    expected = evaluate_embeddings(embeddings, np.repeat(np.arange(5), 4), metrics=QUICK).values
    assert {row.metric: row.value for row in done.rows if row.weights == "last"} == pytest.approx(expected)


def test_a_head_on_pictures_sees_their_features(pictures, tmp_path):
    made = recipe(HEAD, backbone={"name": "small"})
    options = {"device": "cpu", "workers": 0, "metrics": QUICK, "backbone": small_backbone()}
    out = train_run(pictures, level=1, recipe=made, seed=0, out=tmp_path / "run", **options).folder
    own = scored(out, pictures.data, pictures)
    last = {row.metric: row.value for row in read_results(out) if row.weights == "last" and row.gallery_classes is None}
    # The dataset's own test half is that of level 1.
    assert {row.metric: row.value for row in own.rows if row.weights == "last"} == pytest.approx(last)


def test_a_head_on_stored_features_is_scored_on_other_features(features, tmp_path):
    out = trained_head(features, tmp_path / "run")
    other = open_features(write_arrays(tmp_path / "other.npz", seed=5))
    done = scored(out, other, features)
    assert {row.metric for row in done.rows} == set(QUICK)
    wide = open_features(write_arrays(tmp_path / "wide.npz", dimension=7))
    with pytest.raises(DatasetError, match="features of 7 dimensions, but the run was trained on 6"):
        scored(out, wide, features)


def test_what_does_not_fit(pictures, features, tmp_path):
    network = trained_network(pictures, tmp_path / "network")
    with pytest.raises(DatasetError, match="trained a network, which needs pictures, but small is features"):
        scored(network, features.data, pictures)
    head = trained_head(features, tmp_path / "head")
    with pytest.raises(RecipeError, match="trained on stored features, and has no backbone for the pictures of others"):
        scored(head, other_pictures(), features)
    assert not list(tmp_path.rglob("on-*"))
