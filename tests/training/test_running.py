from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from oodml_bench.errors import (
    DatasetError,
    InputError,
    OutputExistsError,
    RecipeError,
    RunError,
    SplitError,
    TrainingError,
)
from oodml_bench.evaluation.fixed_galleries import size_controlled_scores
from oodml_bench.evaluation.metrics import METRICS, evaluate_embeddings
from oodml_bench.evaluation.results import ResultRow, read_results
from oodml_bench.features.weights import state_digest
from oodml_bench.splits import Benchmark
from oodml_bench.training import job as job_module
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.running import Run, evaluate_run, head_run, train_run
from oodml_bench.training.scoring import Subject
from tests.training.training_samples import (
    HEAD,
    NETWORK,
    equal_states,
    feature_material,
    picture_benchmark,
    picture_dataset,
    recipe,
    small_backbone,
    written_picture_material,
)

CPU = torch.device("cpu")
QUICK = ("recall@1", "map@r")


def train(material: Material, out: Path, base: dict[str, Any] = NETWORK, **options: Any) -> Run:
    over = options.pop("over", {})
    settings = {"level": 1, "seed": 0, "device": "cpu", "workers": 0, "metrics": QUICK, **options}
    made = recipe(base, **over)
    backbone = small_backbone() if made.backbone.name == "small" else None
    return train_run(material, recipe=made, out=out, **{"backbone": backbone, **settings})


def checkpoint(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_folder_holds_what_was_done_and_what_came_of_it(pictures: Material, tmp_path: Path) -> None:
    run = train(pictures, tmp_path / "runs" / "r")
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "checkpoint.pt",
        "metrics.jsonl",
        "results.jsonl",
        "run.json",
    ]
    description = json.loads((run.folder / "run.json").read_text())
    assert description["recipe"] == recipe(NETWORK).as_dict()
    assert (description["level"], description["fid"], description["seed"]) == (1, 1.5, 0)
    assert description["benchmark"]["name"] == "pictures"
    assert description["dataset"]["fingerprint"] == pictures.samples.fingerprint
    assert description["backbone"]["weights_sha256"] == small_backbone().weights_sha256
    assert {"oodml-bench", "torch", "pytorch-metric-learning"} <= set(description["versions"])
    epochs = lines(run.folder / "metrics.jsonl")
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]
    assert set(epochs[0]) == {"epoch", "loss", "lr", "images_per_second", "validation"}
    assert read_results(run.folder) == list(run.rows)
    assert not run.finished_before


def test_rows_are_the_scores_of_the_last_and_the_selected_weights(features: Material, tmp_path: Path) -> None:
    made = recipe(HEAD, optimiser={"lr": 0.3})
    run = train_run(features, level=2, recipe=made, seed=3, out=tmp_path / "r", device="cpu")
    state = checkpoint(run.folder)
    test = features.samples.set_of(features.benchmark.levels[2].test)
    smallest = min(len(level.test) for level in features.benchmark.levels.values())
    rows = {(row.weights, row.gallery_classes, row.metric): row for row in run.rows}
    assert len(rows) == len(run.rows) == 2 * (len(METRICS) + 2)
    for name, weights in (("last", state["model"]), ("selected", state["selected"]["weights"])):
        linear = features.feature_rows[test.rows] @ weights["head.weight"].numpy().T + weights["head.bias"].numpy()
        embeddings = linear / np.linalg.norm(linear, axis=1, keepdims=True)
        plain = evaluate_embeddings(embeddings, test.labels).values
        controlled = size_controlled_scores(embeddings, test.labels, smallest)
        for classes, scores in ((None, plain), (smallest, controlled)):
            for metric, value in scores.items():
                assert rows[name, classes, metric].value == pytest.approx(value, rel=1e-4, abs=1e-6)
    level = features.benchmark.levels[2]
    assert {(row.benchmark, row.level, row.fid, row.recipe, row.seed) for row in run.rows} == {
        ("small", 2, level.fid, "head", 3)
    }
    assert {(row.shots, row.episode) for row in run.rows} == {(0, None)}


def test_without_validation_there_are_only_the_last_weights(pictures: Material, tmp_path: Path) -> None:
    run = train(pictures, tmp_path / "r", over={"training": {"validate": False}})
    assert {row.weights for row in run.rows} == {"last"}


def test_galleries_have_the_size_of_the_smallest_level(pictures: Material, tmp_path: Path) -> None:
    run = train(pictures, tmp_path / "r")
    assert Subject(pictures.benchmark, 1, "r", 0).smallest_gallery == 5
    assert {row.gallery_classes for row in run.rows} == {None, 5}


def test_chosen_retrieval_metrics_are_scored_on_galleries_of_one_size_too(features: Material) -> None:
    for metrics, expected in ((("recall@10", "nmi"), {"recall@10"}), (("nmi",), set())):
        rows = head_run(features, level=1, recipe=recipe(HEAD), seed=0, metrics=metrics)
        assert {row.metric for row in rows if row.gallery_classes is None} == set(metrics)
        assert {row.metric for row in rows if row.gallery_classes is not None} == expected


def test_the_same_command_again_does_nothing(pictures: Material, tmp_path: Path, monkeypatch: Any) -> None:
    first = train(pictures, tmp_path / "r")
    before = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    monkeypatch.setattr(Job, "fit", None)
    again = train(pictures, tmp_path / "r")
    assert again.finished_before
    assert again.rows == first.rows
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == before


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_results_do_not_depend_on_the_number_of_workers(pictures: Material, tmp_path: Path) -> None:
    runs = [train(pictures, tmp_path / str(workers), workers=workers) for workers in (0, 1, 3)]
    states = [checkpoint(run.folder) for run in runs]
    assert all(equal_states(states[0]["model"], state["model"]) for state in states[1:])
    assert runs[0].rows == runs[1].rows == runs[2].rows


@pytest.mark.parametrize("base", [HEAD, NETWORK], ids=["head", "network"])
def test_evaluating_the_checkpoint_gives_the_same_results(
    base: dict, features: Material, pictures: Material, tmp_path: Path
) -> None:
    material = features if base is HEAD else pictures
    run = train(material, tmp_path / "r", base)
    written = (run.folder / "results.jsonl").read_bytes()
    (run.folder / "results.jsonl").unlink()
    again = evaluate_run(
        run.folder, material=material, device="cpu", workers=0, metrics=QUICK, backbone=small_backbone()
    )
    assert again.rows == run.rows
    assert (run.folder / "results.jsonl").read_bytes() == written


def test_a_run_knows_where_its_benchmark_and_dataset_lie(tmp_path: Path) -> None:
    run = train(written_picture_material(tmp_path), tmp_path / "r")
    rows = evaluate_run(run.folder, device="cpu", workers=0, backbone=small_backbone()).rows
    assert {row.metric for row in rows} == set(METRICS)
    assert {row for row in rows if row.metric in QUICK} == set(run.rows)


def test_evaluating_some_metrics_leaves_the_others(features: Material, tmp_path: Path) -> None:
    run = train(features, tmp_path / "r", HEAD)
    evaluate_run(run.folder, material=features, device="cpu", metrics=["nmi"])
    rows = read_results(run.folder)
    assert rows[: len(run.rows)] == list(run.rows)
    assert {row.metric for row in rows[len(run.rows) :]} == {"nmi"}


def test_a_run_may_be_evaluated_by_renamed_copies(features: Material, tmp_path: Path) -> None:
    run = train(features, tmp_path / "r", HEAD)
    names = [name for name in features.samples.rows_of for _ in features.samples.rows_of[name]]
    copy = {"features": features.feature_rows, "classes": names, "samples": np.array(features.samples.names)}
    np.savez(tmp_path / "copy.npz", **copy)
    renamed = Material.open(dataclasses.replace(features.benchmark, name="copy"), tmp_path / "copy.npz")
    again = evaluate_run(run.folder, material=renamed, device="cpu")
    assert {row.value for row in run.rows} <= {row.value for row in again.rows}


def test_a_run_may_be_evaluated_from_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feature_material(tmp_path).benchmark.save(tmp_path / "small_splits.json")
    monkeypatch.chdir(tmp_path)
    run = train(Material.open("small_splits.json", "small.npz"), tmp_path / "r", HEAD)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert evaluate_run(run.folder, device="cpu", metrics=QUICK).rows == run.rows


def test_a_run_of_things_in_memory_asks_for_them(pictures: Material, tmp_path: Path) -> None:
    run = train(pictures, tmp_path / "r")
    with pytest.raises(RunError, match="does not say where"):
        evaluate_run(run.folder)


def test_a_head_learns_from_features_of_pictures_as_from_stored_ones(pictures: Material, tmp_path: Path) -> None:
    dataset, backbone = picture_dataset(), small_backbone()
    tensors = torch.stack([backbone.transform(dataset.images.open(name)) for name in pictures.samples.names])
    with torch.inference_mode():
        stored = backbone.module(tensors).numpy()
    names = [name for name in pictures.samples.rows_of for _ in pictures.samples.rows_of[name]]
    np.savez(tmp_path / "f.npz", features=stored, classes=names, samples=np.array(pictures.samples.names))
    over = {"backbone": {"name": "small"}}
    from_pictures = train(pictures, tmp_path / "a", HEAD, over=over)
    from_features = head_run(
        Material.open(picture_benchmark(), tmp_path / "f.npz"),
        level=1,
        recipe=recipe(HEAD, **over),
        seed=0,
        metrics=QUICK,
    )
    assert [row.value for row in from_pictures.rows] == pytest.approx([row.value for row in from_features], abs=1e-6)
    evaluated = evaluate_run(tmp_path / "a", material=pictures, device="cpu", metrics=QUICK, backbone=backbone)
    assert evaluated.rows == from_pictures.rows


def test_a_head_run_in_memory_equals_one_in_a_folder(features: Material, tmp_path: Path) -> None:
    rows = head_run(features, level=1, recipe=recipe(HEAD), seed=0, metrics=QUICK)
    assert tuple(rows) == train(features, tmp_path / "r", HEAD).rows


def test_the_caller_s_backbone_stays_as_it_is(pictures: Material, tmp_path: Path) -> None:
    backbone = small_backbone()
    for seed in (0, 1):
        train(pictures, tmp_path / str(seed), backbone=backbone, seed=seed)
    assert state_digest(backbone.module) == backbone.weights_sha256


# What is asked for and cannot be done: a clear message, and nothing written.


def without_validation() -> Benchmark:
    benchmark = picture_benchmark()
    return dataclasses.replace(
        benchmark,
        levels={number: dataclasses.replace(level, split_val=()) for number, level in benchmark.levels.items()},
    )


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"level": 9}, SplitError, "there is no level 9 in the benchmark pictures; it has 1, 2"),
        ({"over": {"batches": {"size": 14, "per_class": 7}}}, RecipeError, "per_class = 7, but the largest"),
        ({"over": {"backbone": {"name": "other"}}, "backbone": small_backbone()}, RecipeError, "small was given"),
        ({"over": {"backbone": {"name": "resnet5o"}}}, InputError, "unknown backbone 'resnet5o'"),
        ({"device": "tpu"}, InputError, "device 'tpu' is not available"),
        ({"loggers": ("tensorbord",)}, RunError, "did you mean 'tensorboard'"),
        ({"metrics": ("recall@3",)}, InputError, "unknown metric 'recall@3'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    pictures: Material, tmp_path: Path, options: dict, error: type, reason: str
) -> None:
    with pytest.raises(error, match=reason):
        train(pictures, tmp_path / "r", **options)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("material", "error", "reason"),
    [
        (Material(picture_benchmark(), picture_dataset(classes=9)), DatasetError, "lacks 3 of the 12 classes"),
        (Material(without_validation(), picture_dataset()), SplitError, "no validation classes.*validate = false"),
    ],
)
def test_material_that_does_not_fit_is_refused_before_anything_is_written(
    material: Material, error: type, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=reason):
        train(material, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_network_cannot_be_trained_on_features(features: Material, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"needs pictures, but small is features"):
        train(features, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_folder_of_another_run_is_refused_naming_what_differs(pictures: Material, tmp_path: Path) -> None:
    train(pictures, tmp_path / "r")
    before = (tmp_path / "r" / "run.json").read_bytes()
    with pytest.raises(RunError, match=r"belongs to another run \(seed: 0 there, 4 here\)"):
        train(pictures, tmp_path / "r", seed=4)
    with pytest.raises(RunError, match=r"recipe.optimiser.lr: 0.003 there, 0.1 here"):
        train(pictures, tmp_path / "r", over={"optimiser": {"lr": 0.1}})
    other = Material(picture_benchmark(), picture_dataset(samples=7))
    with pytest.raises(RunError, match=r"dataset.fingerprint"):
        train(other, tmp_path / "r")
    with pytest.raises(RunError, match=r"backbone.weights_sha256"):
        train(pictures, tmp_path / "r", backbone=small_backbone(seed=1))
    with pytest.raises(RunError, match=r"benchmark.digest"):
        evaluate_run(tmp_path / "r", material=Material(without_level_2(), picture_dataset()), backbone=small_backbone())
    assert (tmp_path / "r" / "run.json").read_bytes() == before


def without_level_2() -> Benchmark:
    benchmark = picture_benchmark()
    return dataclasses.replace(benchmark, levels={1: benchmark.levels[1]})


def test_other_features_of_the_same_classes_are_another_run(features: Material, tmp_path: Path) -> None:
    train(features, tmp_path / "r", HEAD)
    names = [name for name in features.samples.rows_of for _ in features.samples.rows_of[name]]
    doubled = features.feature_rows * 2
    np.savez(tmp_path / "small.npz", features=doubled, classes=names, samples=np.array(features.samples.names))
    with pytest.raises(RunError, match=r"backbone.sha256"):
        train(Material.open(features.benchmark, tmp_path / "small.npz"), tmp_path / "r", HEAD)


def test_a_folder_of_other_files_is_refused_and_left_alone(pictures: Material, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "precious.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="is no run folder"):
        train(pictures, tmp_path / "r")
    assert [path.name for path in (tmp_path / "r").iterdir()] == ["precious.txt"]
    with pytest.raises(OutputExistsError):
        train(pictures, tmp_path / "r" / "precious.txt")


def test_an_empty_folder_may_be_used(pictures: Material, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    assert train(pictures, tmp_path / "r").rows


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "is not a run folder"),
        ("{", "is not the description of a run"),
        ("[]", "is not the description of a run"),
        ('{"schema_version": 2}', "schema version 2"),
        ('{"schema_version": 1}', "recipe, benchmark, dataset, backbone, level, seed missing"),
    ],
)
def test_a_damaged_run_folder_is_refused(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=reason):
        evaluate_run(tmp_path)


def test_an_unfinished_run_cannot_be_evaluated(pictures: Material, tmp_path: Path, monkeypatch: Any) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise TrainingError("full")

    monkeypatch.setattr(Job, "fit", stop)
    with pytest.raises(TrainingError):
        train(pictures, tmp_path / "r")
    monkeypatch.undo()
    with pytest.raises(RunError, match=r"has no checkpoint\.pt: .* Run the same train command again"):
        evaluate_run(tmp_path / "r", material=pictures, backbone=small_backbone())
    assert not (tmp_path / "r" / "results.jsonl").exists()
    assert train(pictures, tmp_path / "r").rows


def test_a_run_stopped_while_it_was_scored_only_scores(pictures: Material, tmp_path: Path, monkeypatch: Any) -> None:
    whole = train(pictures, tmp_path / "whole")

    def stop(*_: Any, **__: Any) -> list[ResultRow]:
        raise KeyboardInterrupt

    monkeypatch.setattr(job_module, "zero_shot_rows", stop)
    with pytest.raises(KeyboardInterrupt):
        train(pictures, tmp_path / "r")
    monkeypatch.undo()
    before = (tmp_path / "r" / "checkpoint.pt").read_bytes()
    assert train(pictures, tmp_path / "r").rows == whole.rows
    assert (tmp_path / "r" / "checkpoint.pt").read_bytes() == before
