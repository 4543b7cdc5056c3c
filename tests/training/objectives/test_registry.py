"""Objectives by name, as a recipe gives them."""

import re
import subprocess
import sys

import pytest
import torch

from oodml_bench.errors import RecipeError
from oodml_bench.training.miners import build_miner
from oodml_bench.training.miners.distance import DistanceMiner
from oodml_bench.training.objectives import OBJECTIVES, build_objective, check_objective

TAKE_A_MINER = {"contrastive", "margin", "quadruplet", "triplet"}


def build(settings, miner=None, where="[objective] of a.toml"):
    return build_objective(settings, class_count=3, dimension=4, miner=miner, where=where)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"name": "margn"},
            "[objective] of a.toml: unknown objective 'margn'; did you mean 'margin'? Allowed: angular,",
        ),
        ({"name": "margin", "bta": 1}, "unknown setting 'bta'; did you mean 'beta'?"),
        ({"name": "margin", "margin": "wide"}, "[objective] of a.toml: margin = 'wide'"),
        ({"name": "arcface", "margin": 28.6}, "margin = 28.6: input should be less than or equal to 3.14"),
        ({"name": "soft_triple", "centres": 0}, "centres = 0: input should be greater than or equal to 1"),
        ({"margin": 1}, "name must be one of angular, arcface,"),
        ({"name": 3}, "it is 3"),
    ],
)
def test_what_is_wrong_is_said(settings, message):
    for use in (build, lambda settings: check_objective(settings, "[objective] of a.toml")):
        with pytest.raises(RecipeError, match=re.escape(message)):
            use(settings)


@pytest.mark.parametrize("name", sorted(OBJECTIVES.parts))
def test_a_miner_goes_where_it_is_used(name):
    miner = build_miner({"name": "random"})
    if name in TAKE_A_MINER:
        assert build({"name": name}, miner).miner is miner
        assert isinstance(build({"name": name}).miner, DistanceMiner)
        check_objective({"name": name}, has_miner=True)
    else:
        message = f"{name} takes no miner.*objective that takes one: contrastive, margin, quadruplet, triplet"
        with pytest.raises(RecipeError, match=message):
            build({"name": name}, miner)
        with pytest.raises(RecipeError, match=message):
            check_objective({"name": name}, has_miner=True)


@pytest.mark.parametrize("name", sorted(OBJECTIVES.parts))
def test_torch_seed_decides_the_start(name):
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(
            torch.cat([torch.zeros(1), *(own.flatten() for own in build({"name": name}).state_dict().values())])
        )
    assert torch.equal(states[0], states[1])
    drawn = name not in {"angular", "contrastive", "margin", "multisimilarity", "quadruplet", "supcon", "triplet"}
    assert torch.equal(states[0], states[2]) != drawn


def test_a_name_is_given_once():
    with pytest.raises(RecipeError, match="the objective 'margin' exists already"):
        OBJECTIVES.register("margin")(type("Other", (), {}))


PLUGIN = """
from oodml_bench.training.objectives import Objective

class Flat(Objective):
    def compute(self, embeddings, labels):
        return embeddings.sum()
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a package with one objective that works, and one that does not."""
    (tmp_path / "flat_objective.py").write_text(PLUGIN)
    info = tmp_path / "flat_objective-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-objective\nVersion: 1.0\n")
    points = "flat = flat_objective:Flat\nbroken = flat_objective:Gone\n"
    (info / "entry_points.txt").write_text(f"[oodml_bench.objectives]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    OBJECTIVES.parts.pop("flat", None)
    sys.modules.pop("flat_objective", None)


@pytest.mark.usefixtures("plugin")
def test_installed_packages_add_objectives():
    assert {"flat", "broken", "margin"} <= set(OBJECTIVES.names())
    assert build({"name": "flat"})(torch.ones(2, 3), torch.zeros(2, dtype=torch.int64)).item() == 6
    with pytest.raises(RecipeError, match="unknown objective 'flatt'; did you mean 'flat'"):
        build({"name": "flatt"})
    with pytest.raises(RecipeError, match=r"'broken' cannot be loaded from flat_objective:Gone: .*Gone.* Repair"):
        build({"name": "broken"})


def test_importing_the_packages_does_not_import_torch():
    code = """
import sys
import oodml_bench.training.objectives, oodml_bench.training.miners
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
