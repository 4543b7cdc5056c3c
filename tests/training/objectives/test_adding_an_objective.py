"""The page on adding an objective, run as it is written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def blocks(clone: Path) -> dict[str, list[str]]:
    text = (clone / "docs" / "adding-an-objective.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        found.setdefault(language, []).append(block)
    return found


def run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(blocks, tmp_path):
    """Give a folder with the page's files, and its package as if it were installed there."""
    module, _ = blocks["python"]
    (tmp_path / "my_losses.py").write_text(module)
    (tmp_path / "centre-hinge.toml").write_text(blocks["toml"][0])
    group, entry = re.search(r"^(\S+) =\n\s+(.+)$", blocks["ini"][0], re.MULTILINE).groups()
    info = tmp_path / "my_losses-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-losses\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
    return tmp_path


def losses(output: str) -> list[float]:
    return [float(loss) for loss in re.findall(r"loss (\S+)", output)]


def test_the_example_learns_from_a_recipe(blocks, folder):
    _, use = blocks["python"]
    found = losses(run(f"import torch; torch.manual_seed(0)\n{use}", folder))
    assert len(found) == 3
    assert found[2] < found[1] < found[0]
    assert found[2] < found[0] / 4


def test_an_import_makes_it_known_and_its_settings_are_checked(blocks, folder):
    (folder / "my_losses-1.0.dist-info" / "entry_points.txt").unlink()
    wrong = blocks["toml"][0].replace("margin = 0.8", "margn = 0.8")
    (folder / "centre-hinge.toml").write_text(wrong)
    code = """
import my_losses
from oodml_bench.errors import RecipeError
from oodml_bench.training.recipe_files import load_recipe
try:
    load_recipe("centre-hinge.toml")
except RecipeError as error:
    print(error)
"""
    assert "unknown setting 'margn'; did you mean 'margin'?" in run(code, folder)
