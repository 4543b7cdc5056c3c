from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import RecipeError
from oodml_bench.reading.toml_files import tomllib
from oodml_bench.training import recipe_files
from oodml_bench.training.recipe import parse_recipe
from oodml_bench.training.recipe_files import laid_over, load_recipe
from oodml_bench.training.toml import toml_of
from tests.training.training_samples import HEAD, NETWORK, recipe

MARGIN = """
[objective]
name = "margin"
beta = 0.6

[miner]
name = "distance"

[optimiser]
lr = 1e-5

[training]
epochs = 200

[datasets."cars*".objective]
beta = 0.9

[datasets."cars196".training]
epochs = 100
"""


@pytest.fixture
def margin(tmp_path: Path) -> Path:
    file = tmp_path / "my margin.toml"
    file.write_text(MARGIN)
    return file


def test_a_file_is_read_and_every_setting_is_spelled_out(margin: Path) -> None:
    read = load_recipe(margin)
    assert read.name == "my margin"
    assert read.objective["beta"] == 0.6
    assert read.objective["margin"] == 0.2
    assert read.miner["upper_cutoff"] == 1.4
    assert (read.batches.size, read.batches.per_class, read.embedding.dimension) == (112, 2, 512)
    assert (read.training.epochs, read.training.validates, read.augmentation) == (200, True, "standard")


def test_tables_of_a_dataset_are_laid_over_in_the_order_of_the_file(margin: Path) -> None:
    assert load_recipe(margin, dataset="cub200") == load_recipe(margin)
    cars = load_recipe(margin, dataset="cars196")
    assert (cars.objective["beta"], cars.training.epochs) == (0.9, 100)
    other_cars = load_recipe(margin, dataset="cars_small")
    assert (other_cars.objective["beta"], other_cars.training.epochs) == (0.9, 200)


def test_a_pattern_may_stand_for_several_names(margin: Path) -> None:
    margin.write_text(margin.read_text() + '\n[datasets."one*|two"]\nembedding = { dimension = 3 }\n')
    found = {name: load_recipe(margin, dataset=name).embedding.dimension for name in ("one1", "two", "two2")}
    assert (found["one1"], found["two"]) == (3, 3)
    assert found["two2"] != 3


@pytest.mark.parametrize("name", ["sop", "online_products"])
def test_the_study_on_online_products_under_both_of_its_names(name: str) -> None:
    rmargin, proxy_anchor = (load_recipe(recipe, dataset=name) for recipe in ("rmargin", "proxyanchor"))
    assert (rmargin.objective["beta"], rmargin.miner["probability"], rmargin.training.epochs) == (0.9, 0.15, 150)
    assert proxy_anchor.optimiser.warmup_epochs == 1


def test_another_objective_replaces_the_table_with_its_settings() -> None:
    below = {"objective": {"name": "margin", "beta": 0.6}, "batches": {"size": 112, "per_class": 4}}
    over = laid_over(below, {"objective": {"name": "multisimilarity"}, "batches": {"size": 104}})
    assert over == {"objective": {"name": "multisimilarity"}, "batches": {"size": 104, "per_class": 4}}
    assert below["batches"] == {"size": 112, "per_class": 4}


def test_tables_of_every_dataset_are_checked(margin: Path) -> None:
    over = '[datasets."online*"]\nobjective = {name = "multisimilarity", alpha = 3}\nbatches = {size = 104}\n'
    margin.write_text(MARGIN + over)
    # Multisimilarity takes no miner, which is left from above.
    with pytest.raises(RecipeError, match=r'\[datasets\."online\*"\] of .*takes no miner'):
        load_recipe(margin, dataset="cub200")


@pytest.mark.parametrize("base", [HEAD, NETWORK])
def test_a_recipe_survives_its_own_dictionary_and_toml(base: dict) -> None:
    made = recipe(base)
    assert parse_recipe(made.as_dict(), "again") == made
    assert parse_recipe(tomllib.loads(made.to_toml()), "again") == made
    assert parse_recipe(made.as_dict(), "again").digest == made.digest


def test_digests_differ_where_any_setting_does() -> None:
    changes = [
        {},
        {"name": "another"},
        {"objective": {"alpha": 3}},
        {"training": {"epochs": 5}},
        {"batches": {"size": 14}},
        {"embedding": {"normalise": False}},
    ]
    assert len({recipe(HEAD, **change).digest for change in changes}) == len(changes)


values = st.one_of(
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(0, 9)),
)
names = st.from_regex(r"[a-z][a-z_0-9]{0,6}", fullmatch=True)


@given(st.dictionaries(names, values | st.dictionaries(names, values | st.dictionaries(names, values))))
def test_written_toml_is_read_as_it_was(content: dict) -> None:
    assert tomllib.loads(toml_of(content)) == content


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"optimizer": {"lr": 1}}, "unknown setting 'optimizer'; did you mean 'optimiser'"),
        ({"optimiser": {"learning_rate": 1}}, r"unknown setting 'optimiser\.learning_rate'"),
        ({"optimiser": {"head_lrs": 1}}, r"did you mean 'optimiser\.head_lr'"),
        ({"training": {"validates": True}}, r"did you mean 'training\.validate'"),
        ({"zzz": 1}, r"unknown setting 'zzz'\. Allowed: "),
        ({"objective": {"alhpa": 3}}, r"\[objective\] of .*did you mean 'alpha'"),
        ({"objective": {"name": "multisimilarty"}}, "did you mean 'multisimilarity'"),
        ({"objective": {"name": "nothing"}}, "unknown objective 'nothing'"),
        ({"miner": {"name": "distance"}}, "takes no miner"),
        ({"training": {"epochs": 0}}, r"training\.epochs = 0"),
        ({"training": {"select_by": "intra"}}, r"training\.select_by = 'intra'"),
        ({"training": {"augmentation": "standard"}}, 'does not fit trains = "head"'),
        ({"optimiser": {"warmup_epochs": 1}}, 'does not fit trains = "head"'),
        ({"optimiser": {"schedule": "multistep"}}, "needs milestones"),
        ({"optimiser": {"milestones": [3]}}, "needs milestones"),
        ({"optimiser": {"lr": -1}}, r"optimiser\.lr = -1"),
        ({"optimiser": {"lr": 1e38}}, r"optimiser\.lr = 1e\+38"),
        ({"name": "../elsewhere"}, "it names folders"),
        ({"name": ".."}, "it names folders"),
        ({"trains": "all"}, "trains = 'all'"),
        ({"embedding": {"dimension": "many"}}, r"embedding\.dimension = 'many'"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_place(change: dict, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason) as caught:
        recipe(HEAD, **change)
    assert "the test's recipe" in str(caught.value)


@pytest.mark.parametrize("missing", ["objective", "training"])
def test_a_missing_table_is_named(missing: str) -> None:
    content = {name: table for name, table in HEAD.items() if name != missing}
    with pytest.raises(RecipeError, match=f"the setting '{missing}' is missing"):
        parse_recipe(content, "r.toml")


def test_names_are_those_of_the_bundled_folder(margin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe_files, "bundled_recipes", lambda: {"margin": margin, "arcface": margin})
    with pytest.raises(RecipeError, match=r"unknown recipe 'margni'; did you mean 'margin'\? Allowed: arcface, margin"):
        load_recipe("margni")
    with pytest.raises(RecipeError, match=r"no recipe file absent\.toml"):
        load_recipe("absent.toml")
    assert load_recipe("margin") == load_recipe(margin)


@pytest.mark.parametrize("text", ["[objective\nname=", "a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match=r"r\.toml cannot be read"):
        load_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize("text", ["datasets = 3", "[datasets]\ncars = 3"])
def test_tables_by_dataset_must_be_tables(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match="datasets must hold tables"):
        load_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize("dataset", [None, "cub200", "cars196", "sop", "glyphs300"])
def test_every_bundled_recipe_is_valid_for_every_dataset(dataset: str | None) -> None:
    bundled = recipe_files.bundled_recipes()
    assert bundled
    for name in bundled:
        assert load_recipe(name, dataset=dataset).name == name.rpartition("/")[2]


def test_recipes_are_found_where_an_installation_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "share" / "oodml-bench" / "baselines"
    installed.mkdir(parents=True)
    (installed / "mine.toml").write_text(MARGIN)
    monkeypatch.setattr(recipe_files.oodml_bench, "__file__", str(tmp_path / "lib" / "oodml_bench" / "__init__.py"))
    monkeypatch.setattr(recipe_files.sysconfig, "get_path", lambda _: str(tmp_path))
    assert recipe_files.bundled_recipes() == {"mine": installed / "mine.toml"}
    assert load_recipe("mine").name == "mine"
