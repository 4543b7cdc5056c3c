from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from oodml_bench.cli import main
from oodml_bench.errors import RecipeError, RunError
from oodml_bench.training.jobs import EXAMPLE_PREFIX, Jobs, job_file
from oodml_bench.training.material import Material
from oodml_bench.training.planning import planned_runs
from oodml_bench.training.recipe_files import load_recipe
from tests.calls import called
from tests.splits.benchmarks import small_benchmark
from tests.training.few_shot_samples import with_episodes
from tests.training.training_samples import picture_benchmark, written_picture_material

RECIPE = """
trains = "{trains}"
backbone = {{ name = "efficientnet_lite0", image_size = 32 }}
embedding = {{ dimension = 8 }}
objective = {{ name = "proxy_anchor" }}
batches = {{ size = 8 }}
optimiser = {{ lr = 1e-3 }}
training = {{ epochs = 2 }}
"""

FEW_SHOT = """
[few_shot]
shots = [2]
adaptations = ["{adaptation}", "class_means"]
episodes = 2
"""

ADAPTATION = 'steps = 2\nobjective = { name = "proxy_anchor" }\nbatches = { size = 8 }\n'


def write_recipe(path: Path, trains: str = "head", adaptation: Path | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    more = "" if adaptation is None else FEW_SHOT.format(adaptation=adaptation.as_posix())
    path.write_text(RECIPE.format(trains=trains) + more)
    return path


@pytest.fixture
def adaptation(tmp_path: Path) -> Path:
    (tmp_path / "quick.toml").write_text(ADAPTATION)
    return tmp_path / "quick.toml"


@pytest.fixture(scope="module")
def on_features(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("features")
    small_benchmark(folder).save(folder / "small_splits.json")
    return folder / "small_splits.json", str(folder / "small.npz")


@pytest.fixture
def on_pictures(tmp_path: Path) -> tuple[Path, str]:
    written_picture_material(tmp_path)
    with_episodes(picture_benchmark()).save(tmp_path / "few_splits.json")
    return tmp_path / "few_splits.json", f"arrays:{tmp_path / 'pictures.npz'}"


def printed(*arguments: object) -> list[str]:
    return called("sweep", *arguments, "--print-jobs").splitlines()


def commands_in(lines: list[str]) -> list[list[list[str]]]:
    """Give the words of the commands of each line that is no comment."""
    jobs = [line for line in lines if not line.startswith("#")]
    return [[shlex.split(command) for command in line.split(" && ")] for line in jobs]


def results_in(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("results.jsonl")}


@pytest.mark.parametrize("trains", ["head", "network"])
def test_the_commands_give_the_results_of_the_sweep(
    trains: str, tmp_path: Path, adaptation: Path, on_pictures: tuple[Path, str]
) -> None:
    write_recipe(tmp_path / "recipes" / "adapted.toml", trains, adaptation)
    write_recipe(tmp_path / "recipes" / "plain.toml", trains)
    options = ("--recipes", tmp_path / "recipes", "--levels", 1, "--device", "cpu", "--workers", 0)
    lines = printed(*on_pictures, *options, "--out", tmp_path / "jobs")
    assert not (tmp_path / "jobs").exists()
    for commands in commands_in(lines):
        for program, *words in commands:
            assert program == "oodml-bench"
            called(*words)
    called("sweep", *on_pictures, *options, "--out", tmp_path / "sweep")
    assert results_in(tmp_path / "jobs") == results_in(tmp_path / "sweep")
    assert len(results_in(tmp_path / "jobs")) == 2 + 3


@pytest.mark.slow
@pytest.mark.parametrize("trains", ["head", "network"])
def test_bash_runs_the_file_and_the_array_script_runs_each_line(
    trains: str, tmp_path: Path, adaptation: Path, on_pictures: tuple[Path, str]
) -> None:
    recipe = write_recipe(tmp_path / "recipes of mine" / "it's.toml", trains, adaptation)
    options = ("--recipes", recipe, "--device", "cpu", "--workers", 0)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    results = {}
    for name in ("whole", "array"):
        folder = tmp_path / name
        folder.mkdir()
        lines = printed(*on_pictures, *options, "--out", folder / "runs")
        (folder / "jobs.sh").write_text("\n".join(lines) + "\n")
        take_out = next(line for line in lines if "sed -n" in line).removeprefix("#").partition("&&")[0]
        subprocess.run(["bash", "-euc", take_out], cwd=folder, check=True)  # noqa: S607
        scripts = [("jobs.sh", "0")] if name == "whole" else [("array.sh", str(task)) for task in (1, 2)]
        for script, task in scripts:
            environment = {**os.environ, "PATH": path, "SLURM_ARRAY_TASK_ID": task}
            subprocess.run(["bash", script], cwd=folder, env=environment, check=True, capture_output=True)  # noqa: S607
        results[name] = results_in(folder / "runs")
    called("sweep", *on_pictures, *options, "--out", tmp_path / "sweep")
    assert results["whole"] == results["array"] == results_in(tmp_path / "sweep")
    assert len(results["whole"]) == 2 * 4


def test_what_is_finished_is_left_out_and_what_is_adapted_in_part_is_not(
    tmp_path: Path, adaptation: Path, on_features: tuple[Path, str]
) -> None:
    recipe = write_recipe(tmp_path / "adapted.toml", adaptation=adaptation)
    options = (*on_features, "--recipes", recipe, "--device", "cpu", "--out", tmp_path / "runs")
    called("sweep", *options, "--levels", "1,2")
    outs = [commands[0][commands[0].index("--level") + 1] for commands in commands_in(printed(*options))]
    assert outs == ["3", "4"]
    (tmp_path / "runs" / "adapted-2-0" / "few_shot" / "2-shot" / "as-trained" / "results.jsonl").unlink()
    lines = printed(*options, "--levels", "1,2")
    (commands,) = commands_in(lines)
    assert commands[0][commands[0].index("--level") + 1] == "2"
    assert any("1 of the sweep's 2 runs" in line for line in lines)
    called("sweep", *options, "--levels", "1,2")
    assert printed(*options, "--levels", "1,2") == ["# all 2 runs are finished: nothing is left to do"]


def test_a_finished_run_of_other_settings_is_not_left_out(tmp_path: Path, on_features: tuple[Path, str]) -> None:
    recipe = write_recipe(tmp_path / "changing.toml")
    options = (*on_features, "--recipes", recipe, "--levels", 1, "--device", "cpu", "--out", tmp_path / "runs")
    called("sweep", *options)
    assert not commands_in(printed(*options))
    recipe.write_text(recipe.read_text().replace("epochs = 2", "epochs = 3"))
    assert len(commands_in(printed(*options))) == 1


def test_commands_do_not_depend_on_the_folder_or_on_names(
    tmp_path: Path, on_features: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "it's $HOME\n\x1b[2J ünd\\x"
    odd.mkdir()
    for file in on_features:
        shutil.copy(file, odd)
    (odd / "comma, quick.toml").write_text(ADAPTATION)
    write_recipe(odd / "head.toml")
    monkeypatch.chdir(odd)
    relative = (
        "small_splits.json",
        "small.npz",
        "--recipes",
        "head.toml",
        "--levels",
        "2,3",
        "--logger",
        "wandb",
    )
    lines = [line for line in printed(*relative, "--out", "runs") if not line.startswith("#")]
    assert len(lines) == 2
    for level, line in zip((2, 3), lines, strict=True):
        assert line.isprintable()
        echoed = subprocess.run(
            ["bash", "-c", f"oodml-bench() {{ printf '%s\\0' \"$@\"; }}; {line}"],  # noqa: S607
            capture_output=True,
            check=True,
            cwd="/",
        )
        assert echoed.stdout.decode().split("\0")[:-1] == [
            *("train", str(odd / "small_splits.json"), str(odd / "small.npz")),
            *("--level", str(level), "--recipe", str(odd / "head.toml"), "--seed", "0"),
            *("--out", str(odd / "runs" / f"head-{level}-0"), "--logger", "wandb"),
        ]
    write_recipe(odd / "head.toml", adaptation=Path("comma, quick.toml"))
    done = CliRunner().invoke(main, ["sweep", *relative, "--out", "runs", "--print-jobs"])
    assert done.exit_code == RecipeError.exit_code
    assert "has a comma in its name" in done.output


def test_bundled_recipes_are_named(on_features: tuple[Path, str], tmp_path: Path) -> None:
    lines = printed(*on_features, "--recipes", "head-margin,head-arcface", "--seeds", "0,1", "--out", tmp_path / "runs")
    told = [
        [command[command.index(option) + 1] for option in ("--seed", "--recipe", "--level")]
        for (command,) in commands_in(lines)
    ]
    names = ("head-margin", "head-arcface")
    # As `sweep` orders them.
    assert told == [[seed, name, level] for seed in "01" for name in names for level in "1234"]


def test_the_array_has_a_task_for_each_line() -> None:
    lines = job_file(["a", "b", "c"], 5)
    assert f"{EXAMPLE_PREFIX}#SBATCH --array=1-3" in lines
    assert [line for line in lines if not line.startswith("#")] == ["a", "b", "c"]


def test_what_was_made_in_memory_cannot_be_named(features: Material) -> None:
    recipe = load_recipe("head-margin")
    runs = planned_runs(features, [recipe], levels=[1])
    jobs: Any = Jobs(features, {recipe.name: recipe.name}, Path("runs"))
    with pytest.raises(RunError, match="made in memory"):
        jobs.lines(runs)
