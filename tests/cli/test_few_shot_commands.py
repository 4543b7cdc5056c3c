"""`adapt`, `validate --shots`, `evaluate --on`, recipes that adapt, and the figure of all that."""

import json

import numpy as np
import pytest

from oodml_bench.evaluation.few_shot import gains_of
from oodml_bench.evaluation.results import read_results

from ..splits.benchmarks import small_benchmark
from ..training.few_shot_samples import with_episodes
from ..training.training_samples import picture_arrays, picture_benchmark, written_picture_material
from .test_commands import run
from .test_training_commands import write_recipe

QUICK = """
steps = 5
objective = { name = "proxy_anchor" }
batches = { size = 8 }
"""


@pytest.fixture
def features(tmp_path):
    small_benchmark(tmp_path).save(tmp_path / "small_splits.pkl")
    return tmp_path / "small_splits.pkl", tmp_path / "small.npz"


@pytest.fixture
def quick(tmp_path):
    (tmp_path / "quick.toml").write_text(QUICK)
    return tmp_path / "quick.toml"


def train(tmp_path, features, seed=0):
    recipe = write_recipe(tmp_path / "mine.toml")
    out = tmp_path / "runs" / f"mine-{seed}"
    done = run("train", *features, "--level", 2, "--recipe", recipe, "--seed", seed, "--out", out, "--device", "cpu")
    assert done.exit_code == 0, done.output
    return out


def test_one_run_is_shown_episode_by_episode(tmp_path, features, quick):
    out = train(tmp_path, features)
    command = ("adapt", out, "--shots", 2, "--episodes", 3, "--by", f"{quick},class_means", "--device", "cpu")
    done = run(*command)
    assert done.exit_code == 0, done.output
    (gain,) = gains_of(read_results(out), adaptation="quick")
    lines = done.stdout.splitlines()
    first = lines.index(next(line for line in lines if line.endswith("2 shots, adapted by quick")))
    table = [line.split() for line in lines[first + 3 : first + 7]]
    for episode, (name, before, after, difference, *_) in enumerate(table[:3]):
        assert name == str(episode)
        expected = (gain.before[episode], gain.after[episode], gain.after[episode] - gain.before[episode])
        assert [float(before), float(after), float(difference)] == pytest.approx(expected, abs=6e-5)
    assert table[3][:3] == ["mean", f"{np.mean(gain.before):.4f}", f"{np.mean(gain.after):.4f}"]
    assert f"written: {out / 'few_shot'}" in done.stdout
    again = run(*command)
    assert again.stdout == done.stdout


def test_all_runs_of_a_sweep(tmp_path, features, quick):
    for seed in (0, 1):
        train(tmp_path, features, seed)
    done = run("adapt", tmp_path / "runs", "--shots", "2,5", "--by", quick, "--device", "cpu")
    assert done.exit_code == 0, done.output
    rows = read_results(tmp_path / "runs")
    assert {(row.seed, row.shots) for row in rows if row.adaptation == "quick"} == {(0, 2), (0, 5), (1, 2), (1, 5)}
    assert sum(line.startswith("mine") for line in done.stdout.splitlines()) == 8
    figure = tmp_path / "few.pdf"
    drawn = run("plot", "fewshot", tmp_path / "runs", "--out", figure)
    assert drawn.exit_code == 0, drawn.output
    assert figure.read_bytes().startswith(b"%PDF")


def test_runs_whose_data_was_moved(tmp_path, features, quick):
    out = train(tmp_path, features)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in (*features, features[0].with_suffix(".json")):
        path.rename(moved / path.name)
    lost = run("adapt", out, "--shots", 2, "--by", quick, "--device", "cpu")
    assert lost.exit_code == 2
    places = ("--benchmark", moved / features[0].name, "--dataset", moved / features[1].name)
    for folder in (out, tmp_path / "runs"):
        done = run("adapt", folder, "--shots", 2, "--by", quick, "--device", "cpu", *places)
        assert done.exit_code == 0, done.output


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, features, quick):
    for seed in (0, 1):
        train(tmp_path, features, seed)
    (tmp_path / "runs" / "mine-0" / "checkpoint.pt").unlink()
    done = run("adapt", tmp_path / "runs", "--shots", 2, "--by", quick, "--device", "cpu")
    assert done.exit_code == 1
    assert "mine-0: the run" in done.stderr
    assert "has no checkpoint.pt" in done.stderr
    assert {row.seed for row in read_results(tmp_path / "runs") if row.adaptation} == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shots", "7"], r"no episodes of 7 shots; it has those of 2, 5 shots"),
        (["--shots", "0"], "0 is below 1"),
        (["--shots", "2", "--episodes", "9"], "has 3 episodes of 2 shots, not 9"),
        (["--shots", "2", "--by", "margn"], "unknown adaptation 'margn'; did you mean 'margin'"),
    ],
)
def test_what_cannot_be_adapted(tmp_path, features, options, message):
    out = train(tmp_path, features)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = run("adapt", out, *options, "--device", "cpu")
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_no_run(tmp_path):
    done = run("adapt", tmp_path, "--shots", 2)
    assert done.exit_code != 0
    assert "there is no run in" in done.stderr


def test_validate_adapts_as_well(tmp_path, features, quick):
    recipe = write_recipe(tmp_path / "mine.toml")
    command = ("validate", *features, "--recipes", recipe, "--seeds", "0,1", "--shots", "2,5", "--by", quick)
    done = run(*command, "--episodes", 2)
    assert done.exit_code == 0, done.output
    table = done.stdout[done.stdout.index("few-shot recall@1 by level, before → after adaptation") :]
    # A line for each number of shots: of Recall@1, and of the accuracy.
    assert sum(line.startswith("mine") for line in table.splitlines()) == 4
    kept = run(*command, "--episodes", 2, "--out", tmp_path / "kept")
    assert kept.stdout[kept.stdout.index("few-shot recall@1") :].startswith(table.rstrip())
    missing = run(*command, "--episodes", 4)
    assert missing.exit_code == 2
    assert "has 3 episodes of 2 shots, not 4" in missing.stderr


def test_a_recipe_may_say_that_it_is_adapted(tmp_path, features, quick):
    recipe = write_recipe(tmp_path / "mine.toml")
    with recipe.open("a") as file:
        file.write(f"few_shot = {{ shots = [2], adaptations = ['{quick}'], episodes = 1 }}\n")
    out = tmp_path / "runs"
    done = run("sweep", *features, "--recipes", recipe, "--levels", "1,2", "--out", out, "--device", "cpu")
    assert done.exit_code == 0, done.output
    adapted = {(row.level, row.shots, row.episode) for row in read_results(out) if row.adaptation == "quick"}
    assert adapted == {(1, 2, 0), (2, 2, 0)}
    assert "few-shot recall@1 by level" in done.stdout


def test_a_folder_of_recipes_is_a_name_for_all_of_them(tmp_path, features):
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name in ("a", "b"):
        write_recipe(folder / f"{name}.toml", epochs=1)
    done = run("sweep", *features, "--recipes", folder, "--levels", 1, "--out", tmp_path / "runs", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["a-1-0", "b-1-0"]


def test_another_dataset(tmp_path):
    written_picture_material(tmp_path)
    with_episodes(picture_benchmark()).save(tmp_path / "episodes_splits.json")
    images, names = picture_arrays(8, 5)
    np.savez(tmp_path / "other.npz", images=images, classes=np.array(names))
    recipe = write_recipe(tmp_path / "net.toml", trains="network", epochs=1)
    data = f"arrays:{tmp_path / 'pictures.npz'}"
    out = tmp_path / "run"
    options = ("--device", "cpu", "--workers", 0)
    trained = run(
        "train", tmp_path / "pictures_splits.json", data, "--level", 1, "--recipe", recipe, "--out", out, *options
    )
    assert trained.exit_code == 0, trained.output
    done = run("evaluate", out, "--on", f"arrays:{tmp_path / 'other.npz'}", *options)
    assert done.exit_code == 0, done.output
    assert "other, trained on pictures" in done.stdout
    lines = [json.loads(line) for line in (out / "on-other.jsonl").read_text().splitlines()]
    assert {line["weights"] for line in lines} == {"last", "selected"}
