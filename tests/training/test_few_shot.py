"""Few-shot adaptation of runs, from their folders and in memory."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from oodml_bench.errors import DatasetError, RecipeError, RunError, SplitError
from oodml_bench.evaluation import evaluate_embeddings
from oodml_bench.evaluation.few_shot import gains_of
from oodml_bench.evaluation.results import read_results
from oodml_bench.training import episode_scoring
from oodml_bench.training.adaptation import parse_adaptation
from oodml_bench.training.episode_scoring import EpisodeScorer
from oodml_bench.training.episodes import EpisodeSets
from oodml_bench.training.few_shot import FewShot, adapt_run, adapt_runs, few_shot_rows
from oodml_bench.training.job import Job
from oodml_bench.training.material import Material
from oodml_bench.training.running import head_run
from oodml_bench.training.trained import Trained
from tests.splits.benchmarks import small_benchmark
from tests.training.few_shot_samples import adaptation, picture_episodes, trained_head, trained_network, weights
from tests.training.training_samples import HEAD, NETWORK, equal_states, recipe, small_backbone

CPU = torch.device("cpu")
MEANS = parse_adaptation({"name": "class_means", "classifier": "class_means"}, "x")
PROBE = parse_adaptation({"name": "linear_probe", "classifier": "linear_probe"}, "x")


@pytest.fixture(scope="module")
def material():
    return picture_episodes()


@pytest.fixture(scope="module")
def run(material, tmp_path_factory):
    return trained_network(material, tmp_path_factory.mktemp("runs") / "net")


def adapted(out, few_shot, material=None, **options):
    backbone = small_backbone() if "backbone" not in options else options.pop("backbone")
    return adapt_run(out, few_shot, material=material, device="cpu", workers=0, backbone=backbone, **options)


def scorer(run, material):
    trained = Trained.open(run, material, device="cpu", workers=0, backbone=small_backbone())
    return EpisodeScorer(trained.job, trained.take_best())


def values(rows, **wanted):
    return {
        (row.episode, row.metric, row.gallery_classes): row.value
        for row in rows
        if all(getattr(row, name) == value for name, value in wanted.items())
    }


def copied(run: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("run.json", "checkpoint.pt", "results.jsonl"):
        (to / name).write_bytes((run / name).read_bytes())
    return to


def test_queries_are_scored_before_by_the_trained_weights(run, material):
    made = scorer(run, material)
    rows = made.rows(2, 1, None)
    sets = EpisodeSets.of(material, 1, 2, 1)
    with torch.no_grad():
        embeddings = made.job.embedder.eval()(torch.cat(list(made.job.inputs.load(iter_batches(sets.queries.rows)))))
    expected = evaluate_embeddings(embeddings.numpy(), sets.queries.labels, metrics=("recall@1", "map@r")).values
    found = values(rows, gallery_classes=None)
    for metric, value in expected.items():
        assert found[1, metric, None] == pytest.approx(value)
    assert {row.adaptation for row in rows} == {None}
    assert {(row.shots, row.episode, row.weights) for row in rows} == {(2, 1, "selected")}
    assert {row.metric for row in rows} == {"recall@1", "map@r", "accuracy"}
    assert {row.gallery_classes for row in rows} == {None, 5}


def iter_batches(rows):
    from oodml_bench.training.inputs import in_order

    return in_order(rows, 6)


def test_features_that_are_computed_once_give_what_the_slow_way_gives(run, material, monkeypatch):
    """The last layer learns the same whether the backbone sees every picture once or at every step."""
    how = adaptation(steps=30)
    fast = scorer(run, material).rows(2, 0, how)
    slow_scorer = scorer(run, material)
    seen = []
    original = episode_scoring.adapt

    def slowly(embedder, _, *rest, **options):
        seen.append(embedder.backbone is None)
        places = slow_scorer._test
        names = [material.samples.names[row] for row in places.rows]
        pictures = slow_scorer.job.pictures(material.data, names, "none", 0)
        return original(slow_scorer.job.embedder, pictures, *rest, **options)

    monkeypatch.setattr(episode_scoring, "adapt", slowly)
    slow = slow_scorer.rows(2, 0, how)
    assert seen == [True]
    assert values(fast).keys() == values(slow).keys()
    for key, value in values(fast).items():
        assert values(slow)[key] == pytest.approx(value, abs=0.02), key


def test_the_adapted_weights_of_the_fast_and_the_slow_way_are_equal(run, material):
    made = scorer(run, material)
    sets = EpisodeSets.of(material, 1, 2, 0)
    placed = made._placed(sets.support)
    names = [material.samples.names[row] for row in made._test.rows]
    pictures = made.job.pictures(material.data, names, "none", 0)
    how = adaptation(steps=30)
    options = {"seed": 3, "device": CPU}
    fast = episode_scoring.adapt(
        made.job.embedder.head_alone(), made._features, placed, how, made.job.recipe, **options
    )
    slow = episode_scoring.adapt(made.job.embedder, pictures, placed, how, made.job.recipe, **options)
    torch.testing.assert_close(fast.head.weight, slow.head.weight, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(fast.head.weight, made.job.embedder.head.weight, atol=1e-2)


def test_one_episode_alone_gives_what_it_gives_among_others(run, material):
    alone = scorer(run, material).rows(2, 2, adaptation())
    made = scorer(run, material)
    among = [made.rows(2, episode, adaptation()) for episode in range(3)]
    assert among[2] == alone
    assert values(among[0]) != values(alone)


def test_the_model_is_untouched(run, material):
    made = scorer(run, material)
    before = weights(made.job.embedder)
    for how in (None, adaptation(), adaptation(layers="all", steps=3), MEANS, PROBE):
        made.rows(2, 0, how)
    assert equal_states(weights(made.job.embedder), before)


def test_all_layers_learn_from_pictures_as_the_recipe_changes_them(run, material):
    made = scorer(run, material)
    sets = EpisodeSets.of(material, 1, 2, 0)
    placed = replace(sets, support=made._placed(sets.support), queries=made._placed(sets.queries))
    ways = ({"layers": "all"}, {"layers": "all", "augmentation": "none"}, {})
    vectors = [made._adapted(placed, adaptation(steps=5, **way), 2, 0) for way in ways]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.allclose(vectors[one], vectors[other], atol=1e-4)


def test_a_run_keeps_its_episodes_and_leaves_its_own_results(run, material, tmp_path):
    out = copied(run, tmp_path / "run")
    before = {path: path.read_bytes() for path in out.iterdir()}
    rows = adapted(out, FewShot((2,), (adaptation(), MEANS)), material)
    assert {path: path.read_bytes() for path in before} == before
    folders = sorted(path.parent.relative_to(out).as_posix() for path in out.rglob("results.jsonl"))
    assert folders == [".", "few_shot/2-shot/as-trained", "few_shot/2-shot/class_means", "few_shot/2-shot/margin"]
    read = [row for row in read_results(out) if row.shots]
    assert sorted(map(repr, read)) == sorted(map(repr, rows))
    assert [gain.episodes for gain in gains_of(rows, adaptation="margin")] == [(0, 1, 2)]
    assert {row.metric for row in rows if row.adaptation == "class_means"} == {"accuracy"}


class StoppedError(Exception):
    """An adaptation was stopped here."""


def test_interrupted_adaptation_continues_without_repeating_and_gives_the_same(run, material, tmp_path, monkeypatch):
    few_shot = FewShot((2,), (adaptation(), PROBE))
    whole = adapted(copied(run, tmp_path / "whole"), few_shot, material)
    out = copied(run, tmp_path / "stopped")
    done, limits = [], [2, 5, 100]
    original = EpisodeScorer.rows

    def rows(self, shots, episode, how):
        if len(done) == limits[0]:
            raise StoppedError
        done.append((episode, how and how.name))
        return original(self, shots, episode, how)

    monkeypatch.setattr(EpisodeScorer, "rows", rows)
    while len(limits) > 1:
        with pytest.raises(StoppedError):
            adapted(out, few_shot, material)
        limits.pop(0)
    assert adapted(out, few_shot, material) == whole
    assert len(done) == len(set(done)) == 9
    assert adapted(out, few_shot, material) == whole
    assert len(done) == 9
    for path in (tmp_path / "whole").rglob("*.jsonl"):
        assert (out / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_more_episodes_may_follow(run, material, tmp_path):
    out = copied(run, tmp_path / "run")
    first = adapted(out, FewShot((2,), (adaptation(),), 1), material)
    everything = adapted(out, FewShot((2,), (adaptation(),)), material)
    assert {row.episode for row in first} == {0}
    assert set(first) < set(everything)


def test_another_adaptation_of_the_same_name_is_refused(run, material, tmp_path):
    out = copied(run, tmp_path / "run")
    adapted(out, FewShot((2,), (adaptation(),), 1), material)
    with pytest.raises(RunError, match=r"belongs to another run \(adaptation\.steps: 8 there, 9 here\)"):
        adapted(out, FewShot((2,), (adaptation(steps=9),), 1), material)
    with pytest.raises(RecipeError, match="two adaptations have the name 'margin'"):
        FewShot((2,), (adaptation(), adaptation()))
    (out / "few_shot" / "2-shot" / "margin" / "adaptation.json").write_text("{")
    with pytest.raises(RunError, match="is not the description of an adaptation"):
        adapted(out, FewShot((2,), (adaptation(),), 1), material)


def test_bad_input_loses_nothing(run, material, tmp_path):
    out = copied(run, tmp_path / "run")
    kept = adapted(out, FewShot((2,), (adaptation(),), 1), material)
    with pytest.raises(SplitError, match="no episodes of 5 shots"):
        adapted(out, FewShot((2, 5), (adaptation(),), 1), material)
    (out / "checkpoint.pt").unlink()
    with pytest.raises(
        RunError, match=r"has no checkpoint\.pt: it was deleted, or no epoch was finished\. Run the same"
    ):
        adapted(out, FewShot((2,), (adaptation(),), 1), material)
    with pytest.raises(RunError, match=r"is not a run folder"):
        adapted(tmp_path / "nowhere", FewShot((2,), (adaptation(),), 1), material)
    assert [row for row in read_results(out) if row.shots] == sorted(kept, key=lambda row: row.adaptation or "")


def test_a_picture_that_cannot_be_read_loses_no_episode(run, material, tmp_path, monkeypatch):
    out = copied(run, tmp_path / "run")
    adapted(out, FewShot((2,), (adaptation(),), 1), material)

    def broken(*_):
        raise OSError("truncated")

    monkeypatch.setattr(type(material.data.images), "open", broken)
    with pytest.raises(DatasetError, match="a picture cannot be used: truncated"):
        adapted(out, FewShot((2,), (adaptation(),)), material)
    assert {row.episode for row in read_results(out) if row.shots} == {0}


def test_runs_of_a_folder_one_of_which_fails(tmp_path):
    small_benchmark(tmp_path).save(tmp_path / "small_splits.json")
    material = Material.open(tmp_path / "small_splits.json", tmp_path / "small.npz")
    trained = tmp_path / "runs"
    for name in ("a", "b"):
        trained_head(material, trained / name)
    (trained / "b" / "checkpoint.pt").unlink()
    done = adapt_runs(trained, FewShot((2,), (adaptation(),), 2), device="cpu")
    assert list(done.failures) == [str(trained / "b")]
    assert {row.seed for row in done.rows} == {0}
    with pytest.raises(RunError, match="there is no run in"):
        adapt_runs(tmp_path / "empty", FewShot((2,), (adaptation(),)))


def test_a_head_in_memory_equals_one_in_a_folder(tmp_path, features):
    few_shot = FewShot((2, 5), (adaptation(),), 2)
    rows = [row for row in head_run(features, level=1, recipe=recipe(HEAD), seed=0, few_shot=few_shot) if row.shots]
    out = trained_head(features, tmp_path / "run")
    kept = adapted(out, few_shot, features, backbone=None)
    assert sorted(map(repr, rows)) == sorted(map(repr, kept))


def test_diva_is_adapted_as_it_is_evaluated(material, tmp_path):
    out = trained_network(material, tmp_path / "diva", diva={"queue_batches": 2, "separation": 1.0})
    made = scorer(out, material)
    assert made.job.embedder.head_alone().part_weights == (1.0, 1.0, 1.0, 1.0)
    sets = EpisodeSets.of(material, 1, 2, 0)
    placed = replace(sets, support=made._placed(sets.support), queries=made._placed(sets.queries))
    vectors = made._adapted(placed, adaptation(), 2, 0)
    assert not np.allclose(vectors, made._embeddings, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vectors.reshape(-1, 4, 2), axis=2), 0.5, rtol=1e-5)


def test_whole_classes_as_support(material):
    level = material.benchmark.levels[1]
    changed = replace(level, test_episodes={2: {0: ("class 08", "class 06", "class 10")}})
    benchmark = replace(material.benchmark, levels={1: changed})
    given = Material.open(benchmark, material.data)
    job = Job.prepared(given, 1, recipe(NETWORK), 0, device=CPU, workers=0, backbone=small_backbone())
    rows = few_shot_rows(job, job.fit(), FewShot((2,), (adaptation(),)))
    assert {row.metric for row in rows} == {"recall@1", "map@r"}
    assert len(gains_of(rows)) == 1
    with pytest.raises(RecipeError, match="these episodes have whole classes as support"):
        EpisodeScorer(job, "last").rows(2, 0, MEANS)


def test_run_json_says_nothing_of_adaptation_that_would_make_another_run(material, tmp_path):
    out = trained_network(material, tmp_path / "run")
    changed = {"few_shot": {"shots": [2], "adaptations": ["margin"]}}
    again = trained_network(material, out, **changed)
    assert again == out
    assert json.loads((out / "run.json").read_text())["recipe"]["few_shot"] is None
