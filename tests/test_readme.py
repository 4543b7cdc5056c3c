"""The README's commands and programs, run as they are written."""

import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from oodml_bench.cli import main
from oodml_bench.features import extract
from oodml_bench.splits import build, load_benchmark

from .splits.benchmarks import write_arrays


def blocks(clone: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (clone / "README.md").read_text(), re.DOTALL)


def commands(clone: Path) -> list[list[str]]:
    lines = [line for block in blocks(clone, "sh") for line in block.replace("\\\n", "").splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("oodml-bench ")]


def is_for_a_cluster(line: list[str]) -> bool:
    """Tell the commands that `tests/storage/test_on_a_cluster.py` runs."""
    return "products" in " ".join(line)


def write_cub200(root: Path, *, classes: int = 30, images: int = 3) -> None:
    """Write a small dataset in the layout of CUB200-2011."""
    rng = np.random.default_rng(0)
    for number in range(1, classes + 1):
        folder = root / "images" / f"{number:03}.Bird_{number}"
        folder.mkdir(parents=True)
        colour = rng.integers(0, 200, 3)
        for index in range(images):
            pixels = colour + rng.integers(0, 56, (24, 24, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"Bird_{index}.jpg")


@pytest.fixture
def cached_weights(tmp_path, monkeypatch):
    """Put seeded random weights where torchvision looks before it downloads the real ones."""
    from torchvision.models import ResNet50_Weights, resnet50

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    torch.manual_seed(0)
    file = tmp_path / "torch" / "hub" / "checkpoints" / Path(ResNet50_Weights.IMAGENET1K_V1.url).name
    file.parent.mkdir(parents=True)
    torch.save(resnet50().state_dict(), file)


@pytest.mark.usefixtures("cached_weights")
def test_the_commands_for_own_images_work_as_written(clone, tmp_path, monkeypatch):
    write_cub200(tmp_path / "data" / "cub200")
    (tmp_path / "features").mkdir()
    names = [f"{number:03}.Bird_{number}" for number in range(1, 31)]
    for seed, backbone in enumerate(("dinov2", "bit")):
        write_arrays(tmp_path / "features" / f"cub200_{backbone}.npz", names=names, seed=seed)
    for side, classes in (("train", names[:20]), ("test", names[20:])):
        (tmp_path / f"{side}.txt").write_text("\n".join(classes), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    lines = [line for line in commands(clone) if not is_baseline(line) and not is_for_a_cluster(line)]
    assert [line[1] for line in lines] == [
        *("extract", "build", "inspect", "plot", "plot", "report", "distance", "agree", "verify", "audit")
    ]
    for line in lines:
        # The only change: the data lies below the test's own folder.
        arguments = [word.replace("/data/", f"{tmp_path}/data/") for word in line[1:]]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, (line, done.output)
    assert len(load_benchmark("datasplits/cub200_splits.pkl").levels) == 9
    assert Path("fid.pdf").stat().st_size > 1000
    assert Path("umap.png").stat().st_size > 1000
    assert Path("report/index.html").stat().st_size > 100_000
    assert Path("agreement.json").stat().st_size > 1000
    assert Path("agreement.pdf").stat().st_size > 1000


QUICK_RECIPE = """
trains = "{trains}"
backbone = {{ name = "efficientnet_lite0", image_size = 32 }}
embedding = {{ dimension = 8 }}
objective = {{ name = "multisimilarity" }}
batches = {{ size = 8 }}
training = {{ epochs = 1 }}
"""


QUICK_ADAPTATION = """
steps = 2
objective = { name = "multisimilarity" }
batches = { size = 8 }
"""


def is_baseline(line: list[str]) -> bool:
    about_runs = line[1] == "plot" and line[2] in ("curves", "ags", "fewshot")
    return about_runs or line[1] in ("validate", "train", "evaluate", "sweep", "adapt", "score-embeddings")


@pytest.fixture
def quick_recipes(clone, tmp_path, monkeypatch):
    """Put recipes and adaptations that take no time in the place of the bundled ones, under the same names."""
    quick = {}
    for recipe in (clone / "baselines").glob("*.toml"):
        quick[recipe.stem] = tmp_path / "quick" / recipe.name
        quick[recipe.stem].parent.mkdir(exist_ok=True)
        trains = "network" if recipe.stem == "multisimilarity" else "head"
        quick[recipe.stem].write_text(QUICK_RECIPE.format(trains=trains))
    monkeypatch.setattr("oodml_bench.training.recipe_files.bundled_recipes", lambda: quick)
    (tmp_path / "quick" / "adaptation.toml").write_text(QUICK_ADAPTATION)
    adaptations = dict.fromkeys(("margin", "head-margin"), tmp_path / "quick" / "adaptation.toml")
    monkeypatch.setattr("oodml_bench.training.recipe_files.bundled_adaptations", lambda: adaptations)


@pytest.mark.usefixtures("quick_recipes")
def test_the_commands_for_baselines_work_as_written(clone, tmp_path, monkeypatch):
    write_cub200(tmp_path / "data" / "cub200", classes=16, images=7)
    monkeypatch.chdir(tmp_path)
    extract(
        f"cub200:{tmp_path}/data/cub200", "features/cub200", backbone="efficientnet_lite0", image_size=32, workers=0
    )
    build("features/cub200", levels=3, shots=(2, 5), null_draws=0).save("datasplits/cub200_splits.pkl")
    rows = pq.read_table("features/cub200/part-00000.parquet")
    pq.write_table(rows.select(["sample", "feature"]).rename_columns(["sample", "embedding"]), "my_embeddings.parquet")
    lines = [line for line in commands(clone) if is_baseline(line) and not is_for_a_cluster(line)]
    assert len(lines) == 10
    for line in lines:
        arguments = [word.replace("/data/", f"{tmp_path}/data/") for word in line[1:]]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, (line, done.output)
    assert len(list(Path("runs/cub").iterdir())) == 3 * 2 * 3
    assert Path("runs/ms-3-0/results.jsonl").exists()
    assert Path("curves.pdf").stat().st_size > 1000
    assert Path("ags.pdf").stat().st_size > 1000
    assert Path("fewshot.pdf").stat().st_size > 1000


def test_the_programs_work_as_written(clone, tmp_path, monkeypatch, capsys):
    reading, building, splitting = blocks(clone, "python")
    monkeypatch.chdir(clone)
    names: dict = {}
    exec(compile(reading, "README.md", "exec"), names)  # noqa: S102 (the README is ours)
    assert names["level"]["fid"] > 0
    monkeypatch.chdir(tmp_path)
    write_arrays(tmp_path / "features.npz")
    exec(compile(building, "README.md", "exec"), {})  # noqa: S102
    exec(compile(splitting, "README.md", "exec"), names)  # noqa: S102
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert names["scores"].shape == (4,)
    assert Path("fid.pdf").exists()


def test_what_the_readme_names_is_there(clone):
    text = (clone / "README.md").read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (clone / target).exists(), target
    targets = set(re.findall(r"^([a-z]+):", (clone / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", text, re.MULTILINE)) <= targets
