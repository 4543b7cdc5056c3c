"""The published swap rule, against what the published code makes of the same class means."""

import json
from pathlib import Path

import numpy as np
import pytest

from oodml_bench.hardness import ClassSpace
from oodml_bench.splits.split import Split
from oodml_bench.splits.swapping import paper_swaps

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize("direction", ["harder", "easier"])
@pytest.mark.parametrize("name", ["wide", "tall"])
def test_paper_swaps_reproduce_the_published_progression(name, direction):
    golden = json.loads((DATA / f"paper_swaps_{name}.json").read_text())
    expected = golden[direction]["rounds"]
    with np.load(DATA / f"class_means_{name}.npz") as arrays:
        space = ClassSpace(arrays["classes"].tolist(), arrays["features"])
    progression = paper_swaps(
        space,
        Split(tuple(expected[0]["train"]), tuple(expected[0]["test"])),
        direction,
        rounds=len(expected),
        swaps_per_round=golden["swaps_per_round"],
        history=golden[direction]["history"],
    )
    assert [step.id for step in progression.steps] == [str(wanted["id"]) for wanted in expected]
    for step, wanted in zip(progression.steps, expected, strict=True):
        assert set(step.split.train) == set(wanted["train"])
        assert set(step.split.test) == set(wanted["test"])
        assert step.fid == pytest.approx(wanted["fid"], rel=1e-4)
