"""`validate`, `train`, `evaluate`, `sweep`, `score-embeddings`, and the figures of their results."""

import json
from dataclasses import replace

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from oodml_bench.cli.curves_table import show_scores
from oodml_bench.datasets import open_dataset
from oodml_bench.evaluation import evaluate_embeddings
from oodml_bench.evaluation.results import read_results
from oodml_bench.splits import load_benchmark
from oodml_bench.training import sweeping

from ..evaluation.rows import rows_of
from ..splits.benchmarks import small_benchmark
from ..training.training_samples import written_picture_material
from .test_commands import run

RECIPE = """
trains = "{trains}"
backbone = {{ name = "efficientnet_lite0", image_size = 32 }}
embedding = {{ dimension = 8 }}
objective = {{ name = "{objective}" }}
batches = {{ size = 8 }}
optimiser = {{ lr = 1e-3 }}
training = {{ epochs = {epochs} }}
"""


def write_recipe(path, trains="head", objective="multisimilarity", epochs=2):
    path.write_text(RECIPE.format(trains=trains, objective=objective, epochs=epochs))
    return path


@pytest.fixture
def features(tmp_path):
    small_benchmark(tmp_path).save(tmp_path / "small_splits.pkl")
    return tmp_path / "small_splits.pkl", tmp_path / "small.npz"


@pytest.fixture
def pictures(tmp_path):
    written_picture_material(tmp_path)
    return tmp_path / "pictures_splits.json", f"arrays:{tmp_path / 'pictures.npz'}"


def test_validate_says_whether_scores_fall(tmp_path, features):
    recipe = write_recipe(tmp_path / "quick.toml")
    done = run("validate", *features, "--recipes", recipe, "--seeds", "0,1", "--out", tmp_path / "runs")
    assert done.exit_code == 0, done.output
    assert "small: embedding layers trained on features of a given model" in done.stdout
    assert "8 trained, 0 found finished" in done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("quick")]
    rows = [row for row in read_results(tmp_path / "runs") if row.weights == "selected" and row.metric == "recall@1"]
    for line, fixed in zip(table, (False, True), strict=True):
        at_first = [row.value for row in rows if row.level == 1 and (row.gallery_classes is not None) == fixed]
        assert len(at_first) == 2
        assert f" {np.mean(at_first):.3f} " in line
        assert "±" in line
    assert "recall@1 falls" in done.stdout
    assert "features, untrained" in done.stdout
    again = run("validate", *features, "--recipes", recipe, "--seeds", "0,1", "--out", tmp_path / "runs")
    assert "0 trained, 8 found finished" in again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("quick")] == table


def test_validate_shows_what_it_found_where_a_level_failed(tmp_path, features, monkeypatch):
    train = sweeping.head_run

    def fail_on_level_2(*arguments, level, **options):
        if level == 2:
            raise ValueError("odd")
        return train(*arguments, level=level, **options)

    monkeypatch.setattr(sweeping, "head_run", fail_on_level_2)
    done = run("validate", *features, "--recipes", write_recipe(tmp_path / "quick.toml"), "--seeds", "0")
    assert done.exit_code == 1
    assert "quick-2-0: ValueError: odd" in done.stderr
    assert "quick has no score on level 2" in done.stdout
    levels = next(line for line in done.stdout.splitlines() if line.startswith("level"))
    assert levels.split()[1:4] == ["1", "3", "4"]


def test_validate_keeps_nothing_unless_asked(tmp_path, features):
    before = set(tmp_path.iterdir())
    recipe = write_recipe(tmp_path / "quick.toml")
    done = run("validate", *features, "--recipes", recipe, "--seeds", "0", "--levels", "1,4")
    assert done.exit_code == 0, done.output
    assert set(tmp_path.iterdir()) - before == {recipe}


def scores(rows, levels=(1, 2, 3), untrained=()):
    """Give what is printed of scores: the tables and the verdict."""
    every = [replace(each, gallery_classes=size) for each in rows for size in (None, 30)]
    marks = [replace(each, gallery_classes=size, weights="given") for each in untrained for size in (None, 30)]
    command = click.Command("x", callback=lambda: show_scores(every, "recall@1", levels, marks))
    done = CliRunner().invoke(command, catch_exceptions=False)
    return done.output


def test_a_rise_and_a_tie_are_told():
    falling = rows_of([[0.8, 0.7, 0.6]], recipe="down")
    assert "on galleries of one size, recall@1 falls with every level that has a higher FID" in scores(falling)
    out = scores([*falling, *rows_of([[0.8, 0.7, 0.75]], recipe="up"), *rows_of([[0.8, 0.8, 0.7]], recipe="flat")])
    assert (
        "on all test classes, recall@1 falls all the way for 1 of 3 recipes; it RISES\n"
        "  for up from level 2 to 3 (+0.050)\n"
        "  it stays the same for flat from level 1 to 2\n"
    ) in out


def test_levels_without_a_score_leave_a_gap_and_are_named():
    rows = [each for each in rows_of([[0.8, 0.7, 0.6]]) if each.level != 2]
    out = scores(rows, levels=(1, 2, 3, 4), untrained=rows_of([[0.5, 0.4, 0.3]], recipe="untrained"))
    margin = next(line.split() for line in out.splitlines() if line.startswith("margin"))
    assert margin[1:4] == ["0.800", "–", "0.600"]
    assert "it is a ladder" not in out
    assert "falls all the way for 1 of 1 recipes, over the levels that have a score\n" in out
    assert "  margin has no score on level 2, 4\n" in out


def test_the_table_tells_weights_that_differ_and_the_seeds_of_the_ags():
    whole = rows_of([[0.8, 0.7, 0.6], [0.8, 0.7, 0.5]])
    lines = scores([*whole[:-1], *rows_of([[0.5, 0.4, 0.3]], recipe="short", weights="last")]).splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("short (last) ")] == ["1", "1"]
    assert all(line.endswith("1 of 2") for line in lines if line.startswith("margin (selected) "))


def test_train_then_evaluate(tmp_path, pictures):
    recipe = write_recipe(tmp_path / "quick.toml", trains="network")
    folder = tmp_path / "runs" / "q"
    options = ("--level", "2", "--recipe", recipe, "--seed", "3", "--out", folder, "--workers", "0", "--device", "cpu")
    done = run("train", *pictures, *options)
    assert done.exit_code == 0, done.output
    assert "epochs = 2" in done.stdout
    assert "pictures, level 2 (FID 2.5): quick, seed 3" in done.stdout
    rows = read_results(folder)
    assert {row.weights for row in rows} == {"last", "selected"}
    again = run("train", *pictures, *options)
    assert "finished already" in again.stdout
    (folder / "results.jsonl").unlink()
    scored = run("evaluate", folder, "--workers", "0", "--device", "cpu")
    assert scored.exit_code == 0, scored.output
    assert read_results(folder) == rows
    assert done.stdout.splitlines()[-5:] == scored.stdout.splitlines()[-5:]


def test_evaluate_where_things_were_moved(tmp_path, pictures):
    recipe = write_recipe(tmp_path / "quick.toml")
    folder = tmp_path / "q"
    run("train", *pictures, "--level", "1", "--recipe", recipe, "--out", folder, "--workers", "0", "--device", "cpu")
    rows = read_results(folder)
    (tmp_path / "elsewhere").mkdir()
    for name in ("pictures.npz", "pictures_splits.json", "pictures_splits.pkl"):
        (tmp_path / name).rename(tmp_path / "elsewhere" / name)
    lost = run("evaluate", folder, "--workers", "0", "--device", "cpu")
    assert lost.exit_code == 2
    moved = tmp_path / "elsewhere"
    places = ("--benchmark", moved / "pictures_splits.json", "--dataset", f"arrays:{moved / 'pictures.npz'}")
    found = run("evaluate", folder, "--workers", "0", "--device", "cpu", *places)
    assert found.exit_code == 0, found.output
    assert read_results(folder) == rows


def test_a_sweep_goes_on_after_a_failure_and_tries_again(tmp_path, pictures):
    good = write_recipe(tmp_path / "good.toml")
    # Its batches ask for more samples a class than there are.
    bad = write_recipe(tmp_path / "bad.toml")
    bad.write_text(bad.read_text().replace("{ size = 8 }", "{ size = 14, per_class = 7 }"))
    options = ("--recipes", f"{bad},{good}", "--out", tmp_path / "runs", "--workers", "0", "--device", "cpu")
    done = run("sweep", *pictures, *options)
    assert done.exit_code == 1
    assert "2 runs trained, 0 found finished, 2 failed" in done.stderr
    assert "bad-1-0: " in done.stderr
    assert "bad-2-0: " in done.stderr
    again = run("sweep", *pictures, *options)
    assert "0 runs trained, 2 found finished, 2 failed" in again.stderr
    for kind in ("curves", "ags"):
        drawn = run("plot", kind, tmp_path / "runs", "--out", tmp_path / f"{kind}.png")
        assert drawn.exit_code == 0, drawn.output
        assert (tmp_path / f"{kind}.png").stat().st_size > 1000


def test_a_sweep_begins_with_what_can_be_known(tmp_path, pictures):
    recipe = write_recipe(tmp_path / "quick.toml")
    out = ("--out", tmp_path / "runs")
    for options, message in (
        (("--recipes", recipe, "--levels", "1,9"), "there is no level 9"),
        (("--recipes", f"{recipe},margni"), "did you mean 'margin'"),
        (("--recipes", f"{recipe},{recipe}"), "two recipes have the name 'quick'"),
        (("--recipes", recipe, "--seeds", "0,-1"), "-1 is below 0"),
    ):
        done = run("sweep", *pictures, *options, *out)
        assert done.exit_code == 2
        assert message in done.output
        assert not (tmp_path / "runs").exists()


def embeddings_of(features):
    benchmark = load_benchmark(features[0])
    arrays = np.load(features[1])
    return benchmark, arrays["features"], arrays["classes"], arrays["samples"]


def test_embeddings_of_another_model_are_scored_alike(tmp_path, features):
    benchmark, matrix, classes, samples = embeddings_of(features)
    order = np.random.default_rng(0).permutation(len(samples))
    table = pa.table({"sample": [f"root/{samples[i]}" for i in order], "embedding": matrix[order].tolist()})
    pq.write_table(table, tmp_path / "theirs.parquet")
    out = tmp_path / "theirs.jsonl"
    done = run("score-embeddings", features[0], tmp_path / "theirs.parquet", "--level", "2", "--out", out)
    assert done.exit_code == 0, done.output
    test = sorted(benchmark.levels[2].test)
    rows = np.flatnonzero(np.isin(classes, test))
    labels = np.searchsorted(test, classes[rows])
    expected = evaluate_embeddings(matrix[rows], labels, metrics=("recall@1", "map@r", "intra")).values
    found = {row.metric: row.value for row in read_results(out) if row.gallery_classes is None}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert {(row.recipe, row.weights, row.level) for row in read_results(out)} == {("theirs", "given", 2)}
    refused = run("score-embeddings", features[0], tmp_path / "theirs.parquet", "--level", "2", "--out", out)
    assert refused.exit_code == 2


def test_embeddings_are_scored_on_several_levels_and_drawn(tmp_path, features):
    _, matrix, _, samples = embeddings_of(features)
    np.savez(tmp_path / "theirs.npz", samples=samples, embeddings=matrix)
    command = ("score-embeddings", features[0], tmp_path / "theirs.npz", "--metrics", "recall@1")
    for levels, expected in (("all", [1, 2, 3, 4]), ("3,1", [3, 1])):
        out = tmp_path / f"{levels}.jsonl"
        done = run(*command, "--level", levels, "--out", out)
        assert done.exit_code == 0, done.output
        assert list(dict.fromkeys(row.level for row in read_results(out))) == expected
        assert done.stdout.count("small, level ") == len(expected)
        drawn = run("plot", "curves", out, "--out", tmp_path / f"{levels}.png")
        assert drawn.exit_code == 0, drawn.output
    assert "there is no level 9" in run(*command, "--level", "1,9").output


def test_embeddings_that_cannot_be_scored(tmp_path, features):
    benchmark, matrix, _, samples = embeddings_of(features)
    lost = next(name for name in samples if name.split("/")[0] in benchmark.levels[1].test)
    spoiled = matrix.copy()
    spoiled[np.flatnonzero(samples == lost)[0], 0] = np.nan
    cases = {
        "missing": (samples[samples != lost], matrix[samples != lost], "1 of "),
        "nan": (samples, spoiled, "not finite"),
        "zero": (samples, matrix * 0, "is zero"),
    }
    for name, (names, values, message) in cases.items():
        np.savez(tmp_path / f"{name}.npz", samples=names, embeddings=values)
        done = run("score-embeddings", features[0], tmp_path / f"{name}.npz", "--level", "1", "--out", tmp_path / "o")
        assert done.exit_code == 2, name
        assert message in done.output
        assert not (tmp_path / "o").exists()


def test_a_published_pickle_needs_the_images_to_know_its_samples(tmp_path, pictures):
    (tmp_path / "pictures_splits.json").unlink()
    pickled = tmp_path / "pictures_splits.pkl"
    arrays = np.load(tmp_path / "pictures.npz")
    dataset = open_dataset(pictures[1])
    names = [sample for name in dataset.classes for sample in dataset.samples[name]]
    values = np.random.default_rng(0).normal(size=(len(arrays["classes"]), 4))
    np.savez(tmp_path / "e.npz", samples=np.array(names), embeddings=values)
    done = run("score-embeddings", pickled, tmp_path / "e.npz", "--level", "1")
    assert done.exit_code == 2
    assert "--images" in done.output
    done = run("score-embeddings", pickled, tmp_path / "e.npz", "--level", "1", "--images", pictures[1])
    assert done.exit_code == 0, done.output


def test_results_that_are_damaged(tmp_path):
    (tmp_path / "runs" / "r").mkdir(parents=True)
    (tmp_path / "runs" / "r" / "results.jsonl").write_text(json.dumps({"level": 1}) + "\n")
    done = run("plot", "curves", tmp_path / "runs", "--out", tmp_path / "x.png")
    assert done.exit_code == 2
    assert "results.jsonl" in done.output
    assert not (tmp_path / "x.png").exists()
