"""Support and queries of episodes."""

from dataclasses import replace

import pytest

from oodml_bench.datasets.names import name_in_class
from oodml_bench.errors import DatasetError, SplitError
from oodml_bench.training.episodes import EpisodeSets, episodes_of, smallest_query_gallery
from oodml_bench.training.material import Material
from tests.training.few_shot_samples import picture_episodes


@pytest.fixture(scope="module")
def material():
    return picture_episodes()


def names(material, rows):
    return {material.samples.names[row] for row in rows}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("episode", [0, 2])
def test_support_is_what_the_episode_names_and_queries_are_the_rest(material, number, episode):
    sets = EpisodeSets.of(material, number, 2, episode)
    level = material.benchmark.levels[number]
    named = level.test_episodes[2][episode]
    assert sets.of_same_classes
    assert sets.support.classes == sets.queries.classes == tuple(sorted(level.test))
    for label, class_name in enumerate(sets.support.classes):
        rows = sets.support.rows[sets.support.labels == label]
        found = {name_in_class(class_name, material.samples.names[row]) for row in rows}
        assert found == set(named[class_name])
    everything = {sample for name in level.test for sample in material.data.samples[name]}
    support, queries = names(material, sets.support.rows), names(material, sets.queries.rows)
    assert support | queries == everything
    assert not support & queries


def test_classes_that_take_no_part_are_no_queries(material):
    level = material.benchmark.levels[1]
    fewer = {name: support for name, support in level.test_episodes[2][0].items() if name != "class 07"}
    changed = replace(level, test_episodes={2: {0: fewer}})
    benchmark = replace(material.benchmark, levels={**material.benchmark.levels, 1: changed})
    sets = EpisodeSets.of(Material.open(benchmark, material.data), 1, 2, 0)
    assert "class 07" not in sets.queries.classes
    assert len(sets.queries.rows) == 5 * 4
    assert smallest_query_gallery(benchmark, 2) == 5


def test_whole_classes_as_support(material):
    level = material.benchmark.levels[1]
    changed = replace(level, test_episodes={2: {0: ("class 08", "class 06")}})
    benchmark = replace(material.benchmark, levels={1: changed})
    sets = EpisodeSets.of(Material.open(benchmark, material.data), 1, 2, 0)
    assert not sets.of_same_classes
    assert sets.support.classes == ("class 06", "class 08")
    assert sets.queries.classes == ("class 07", "class 09", "class 10", "class 11")
    assert (len(sets.support.rows), len(sets.queries.rows)) == (12, 24)
    assert smallest_query_gallery(benchmark, 2) == 4


def test_episodes_that_are_not_there(material):
    benchmark = material.benchmark
    assert episodes_of(benchmark, 1, 2, None) == (0, 1, 2)
    assert episodes_of(benchmark, 1, 2, 2) == (0, 1)
    with pytest.raises(SplitError, match=r"no episodes of 5 shots; it has those of 2 shots\. .*--shots 5"):
        episodes_of(benchmark, 1, 5, None)
    with pytest.raises(SplitError, match=r"has 3 episodes of 2 shots, not 4\. Choose 1 to 3, or build .* --episodes 4"):
        episodes_of(benchmark, 1, 2, 4)
    with pytest.raises(SplitError, match="has no episode 3 of 2 shots; it has 0 to 2"):
        EpisodeSets.of(material, 1, 2, 3)
    without = replace(benchmark, levels={1: replace(benchmark.levels[1], test_episodes={})})
    with pytest.raises(SplitError, match=r"no episodes of 2 shots; it has none at all\."):
        episodes_of(without, 1, 2, None)


def test_support_that_is_missing_on_disk(material):
    level = material.benchmark.levels[1]
    support = dict(level.test_episodes[2][0])
    support["class 06"] = ("gone.png", support["class 06"][1])
    benchmark = replace(material.benchmark, levels={1: replace(level, test_episodes={2: {0: support}})})
    with pytest.raises(DatasetError, match=r"lacks 1 of the 12 samples in the episodes .*'class 06/gone.png'"):
        EpisodeSets.of(Material.open(benchmark, material.data), 1, 2, 0)
