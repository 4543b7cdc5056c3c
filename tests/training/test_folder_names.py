"""Names from files that would lead out of the folder of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from oodml_bench.errors import RecipeError
from oodml_bench.evaluation.results import read_results
from oodml_bench.features import open_features
from oodml_bench.training.adaptation import parse_adaptation
from oodml_bench.training.transfer import evaluate_on
from tests.splits.benchmarks import write_arrays
from tests.training.few_shot_samples import trained_head
from tests.training.training_samples import HEAD, recipe

OUTSIDE = ["../x", "../../x", "a/../../x", "/x", "..", ".", "", " ", "a\\b", "a\0", "a\nb"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_recipe_and_an_adaptation_name_no_other_folder(name: str) -> None:
    with pytest.raises(RecipeError, match="it names folders"):
        recipe(HEAD, name=name)
    with pytest.raises(RecipeError, match="it names folders"):
        parse_adaptation({"name": name, "classifier": "class_means"}, "x.toml")


@pytest.mark.parametrize("name", ["../../outside", "a/../../../outside", "/outside"])
def test_results_on_another_dataset_stay_in_the_run_whatever_its_name(name: str, features, tmp_path: Path) -> None:
    out = trained_head(features, tmp_path / "deep" / "run")
    before = {path for path in tmp_path.rglob("*") if out not in path.parents}
    other = open_features(write_arrays(tmp_path / "other.npz", seed=3))
    done = evaluate_on(
        out, replace(other, name=name), material=features, device="cpu", workers=0, metrics=("recall@1",)
    )
    assert done.file.parent == out
    assert {path for path in tmp_path.rglob("*") if out not in path.parents} - before == {tmp_path / "other.npz"}
    assert {row.benchmark for row in read_results(done.file)} == {f"{name}, trained on {features.benchmark.name}"}
