"""The report page: what it holds."""

import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from oodml_bench.datasets import Dataset, dataset_from_arrays
from oodml_bench.datasets.pictures import digest_of_pixels
from oodml_bench.errors import DatasetError, InputError, RunError, SplitError
from oodml_bench.evaluation.results import ResultRow, write_results
from oodml_bench.features import class_means, features_from_arrays, open_features
from oodml_bench.reporting.report import write_report
from oodml_bench.reporting.report.classes import ClassTable
from oodml_bench.reporting.report.findings import findings
from oodml_bench.reporting.report.scores import Results, best_and_equal
from oodml_bench.reporting.report.sides import sides_of_levels
from oodml_bench.reporting.report.thumbnails import thumbnails
from oodml_bench.splits import build
from oodml_bench.splits.audit import audit
from tests.splits.benchmarks import small_benchmark, write_arrays

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def benchmark(folder):
    return small_benchmark(folder)


@pytest.fixture(scope="module")
def table(benchmark, folder):
    return ClassTable(benchmark, class_means(open_features(folder / "small.npz")))


def content_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script id="content" type="application/json">(.*?)</script>', text, re.DOTALL)[1])


def rows(benchmark, recipes=("a", "b"), seeds=(0, 1), drop=0.01):
    return [
        ResultRow(
            benchmark.name, number, level.fid, recipe, seed, "selected", 0, None, gallery, "recall@1",
            0.9 - drop * number - 0.1 * place + 0.001 * seed,
        )
        for number, level in benchmark.levels.items()
        for place, recipe in enumerate(recipes)
        for seed in seeds
        for gallery in (None, 6)
    ]  # fmt: skip


def test_the_split_file_alone_makes_a_page(benchmark, tmp_path):
    page = write_report(benchmark, tmp_path / "out")
    assert page == tmp_path / "out" / "index.html"
    content = content_of(page)
    assert [row["level"] for row in content["levels"]] == list(benchmark.levels)
    assert content["results"] is content["shown"] is None
    assert content["pictures"] == {}
    text = page.read_text(encoding="utf-8")
    assert 'id="progression"' in text
    assert 'id="map"' not in text
    assert 'id="results"' not in text
    # Nothing comes from elsewhere.
    assert not re.search(r'(?:src|href)="(?!#|data:)', text.split("<script>")[0])


def test_a_pickle_without_its_json_makes_a_page(benchmark, tmp_path):
    benchmark.save(tmp_path / "b_splits.pkl")
    (tmp_path / "b_splits.json").unlink()
    page = write_report(tmp_path / "b_splits.pkl", tmp_path / "page.html")
    assert "no JSON file lies beside the pickle" in page.read_text(encoding="utf-8")
    assert content_of(page)["walks"] == []


def test_levels_are_told_as_they_are(benchmark, folder, tmp_path):
    content = content_of(write_report(benchmark, tmp_path, features=folder / "small.npz"))
    for row, (number, level) in zip(content["levels"], benchmark.levels.items(), strict=True):
        assert row["level"] == number
        assert row["fid"] == level.fid
        assert row["mean_term"] + row["covariance_term"] == pytest.approx(level.fid)
        assert (row["null_low"], row["percentile"]) == (level.calibration.null.low, level.calibration.percentile)
        assert (row["train"], row["test"]) == (len(level.train), len(level.test))
        assert row["train_samples"] == 8 * len(level.train)
    names = [each["name"] for each in content["classes"]]
    for sides, level in zip(content["sides"], benchmark.levels.values(), strict=True):
        for side, classes in (("t", level.train), ("e", level.test), ("r", level.removed)):
            assert {name for name, at in zip(names, sides, strict=True) if at == side} == set(classes)
    steps = {step["id"]: step for walk in content["walks"] for step in walk["steps"]}
    for walk in benchmark.walks:
        for step in walk.steps:
            if step.to_test:
                assert [names[place] for place in steps[step.id]["to_test"]] == list(step.to_test)


def test_distances_and_neighbours_by_brute_force(table, benchmark):
    means = dict(zip(table.means.classes, table.means.means, strict=True))
    shown = sides_of_levels(table)
    for sides, level in zip(shown, benchmark.levels.values(), strict=True):
        reach = {
            test: min((float(np.linalg.norm(means[test] - means[train])), train) for train in level.train)
            for test in level.test
        }
        assert table.median_nearest_distance(level) == pytest.approx(np.median([d for d, _ in reach.values()]))
        far = max(reach, key=lambda name: reach[name][0])
        test, train, distance = sides["farthest"][0]
        assert (table.names[test], table.names[train]) == (far, reach[far][1])
        assert distance == pytest.approx(reach[far][0], abs=1e-3)
        of_train, of_test = (np.mean([means[name] for name in side], axis=0) for side in (level.train, level.test))
        depth = {n: np.linalg.norm(means[n] - of_test) - np.linalg.norm(means[n] - of_train) for n in level.train}
        assert table.names[sides["train_typical"][0]] == max(depth, key=depth.get)
        assert table.names[sides["train_borderline"][0]] == min(depth, key=depth.get)


def test_scores_and_who_leads(benchmark, tmp_path):
    for name in ("a", "b"):
        write_results(tmp_path / name / "results.jsonl", [row for row in rows(benchmark) if row.recipe == name])
    (tmp_path / "a" / "run.json").write_text("{}")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "run.json").write_text("{}")
    results = Results.of(tmp_path, benchmark)
    assert results.unfinished == ("c",)
    content = results.content()
    (metric,) = content["metrics"]
    assert [curve["recipe"] for curve in metric["raw"]] == ["a", "b"]
    assert [curve["leading"] for curve in metric["raw"]] == [True, False]
    assert metric["controlled"][0]["gallery"] == 6
    assert content["few_shot"] == []
    page = write_report(benchmark, tmp_path / "out", runs=tmp_path)
    assert "<code>c</code>" in page.read_text(encoding="utf-8")


def test_recipes_that_cannot_be_told_from_the_best_lead_with_it(benchmark, tmp_path):
    noisy = [
        replace(row, value=row.value + 0.2 * row.seed * (row.recipe == "b")) for row in rows(benchmark, seeds=(0, 1, 2))
    ]
    write_results(tmp_path / "results.jsonl", noisy)
    assert best_and_equal(Results.of(tmp_path, benchmark).curves("recall@1", fixed_gallery=False)) == {"a", "b"}


def test_results_of_another_benchmark_are_left_out(benchmark, tmp_path):
    write_results(tmp_path / "x.jsonl", [replace(row, benchmark="another") for row in rows(benchmark)])
    assert content_of(write_report(benchmark, tmp_path / "out", runs=tmp_path / "x.jsonl"))["results"]["metrics"] == []


def test_findings(benchmark, tmp_path):
    write_results(tmp_path / "results.jsonl", rows(benchmark, drop=-0.01))
    curves = Results.of(tmp_path, benchmark).curves("recall@1", fixed_gallery=True)
    found = findings(benchmark, curves, None)
    assert any("on galleries of 6 classes rises from level 1 to level 2 for 2 of 2 recipes" in text for text in found)
    inside = [number for number, level in benchmark.levels.items() if level.calibration.inside_band]
    assert any(text.startswith("The FID of level") for text in found) == bool(inside)
    write_results(tmp_path / "results.jsonl", rows(benchmark))
    falling = Results.of(tmp_path, benchmark).curves("recall@1", fixed_gallery=True)
    assert not any("rises" in text for text in findings(benchmark, falling, None))


def test_twins_across_the_sides_are_named(folder, benchmark):
    means = class_means(open_features(folder / "small.npz"))
    level = benchmark.levels[1]
    changed = means.means.copy()
    changed[means.classes.index(level.test[0])] = changed[means.classes.index(level.train[0])] + 1e-6
    twins = audit(benchmark, folder / "small.npz", means=replace(means, means=changed))
    first, second = sorted((level.test[0], level.train[0]))
    assert any(f"{first} and {second}" in text for text in findings(benchmark, [], twins))


def leaking(benchmark, folder):
    """Give features in which a test sample equals a train sample at level 1, and pictures of them and of no other."""
    with np.load(folder / "small.npz") as arrays:
        matrix, classes, samples = (arrays[name] for name in ("features", "classes", "samples"))
    level = benchmark.levels[1]
    pair = [int(np.flatnonzero(classes == side[0])[0]) for side in (level.train, level.test)]
    matrix[pair[1]] = matrix[pair[0]]
    files = {name: tuple(samples[classes == name]) for name in sorted(set(classes))}
    pictures = {name: np.random.default_rng(row).integers(0, 256, (24, 24, 3)) for row, name in enumerate(samples)}
    pictures[samples[pair[1]]] = pictures[samples[pair[0]]]
    features = features_from_arrays(matrix, classes, samples=samples)
    return features, Dataset("small", files, Pictures(pictures)), [str(samples[row]) for row in pair]


@dataclass(frozen=True)
class Pictures:
    values: dict

    def open(self, sample):
        return Image.fromarray(self.values[sample].astype(np.uint8))

    def digest(self, sample):
        return digest_of_pixels(self.open(sample))


def test_leaks_are_shown_with_both_pictures(benchmark, folder, tmp_path):
    features, dataset, leaked = leaking(benchmark, folder)
    text = write_report(benchmark, tmp_path, features=features, images=dataset).read_text(encoding="utf-8")
    section = re.search(r'<section id="leaks">(.*?)</section>', text, re.DOTALL)[1]
    (card,) = re.findall(r'<li class="leak">(.*?)</li>', section, re.DOTALL)
    assert card.count('<img src="data:image/jpeg;base64,') == 2
    assert all(f'title="{name}"' in card for name in leaked)
    assert "identical files" in card
    assert re.search(r'id="findings".*?1 pair of pictures lies in train and test of level 1', text, re.DOTALL)


def test_without_pictures_leaks_are_not_confirmed(benchmark, folder, tmp_path):
    features, _, _ = leaking(benchmark, folder)
    text = write_report(benchmark, tmp_path, features=features).read_text(encoding="utf-8")
    section = re.search(r'<section id="leaks">(.*?)</section>', text, re.DOTALL)[1]
    assert "<img" not in section
    assert "unconfirmed" in section
    assert "pair of pictures" not in text.partition('id="about"')[0]


def test_without_features_there_is_no_section_on_leaks(benchmark, tmp_path):
    assert 'id="leaks"' not in write_report(benchmark, tmp_path).read_text(encoding="utf-8")


def test_thumbnails_are_small_pictures():
    images = np.zeros((4, 30, 50, 3), np.uint8)
    images[:2, :, :, 0] = 255
    dataset = dataset_from_arrays("d", images, ["red", "red", "black", "black"])
    found = thumbnails(dataset, ["red", "black", "nobody"])
    assert list(found) == ["red", "black"]
    assert all(uri.startswith("data:image/jpeg;base64,") and len(uri) < 4000 for uri in found.values())


def test_names_are_data(tmp_path):
    names = [HOSTILE, "</script><b>x</b>", "a & b", *(f"class {n:02}" for n in range(9))]
    benchmark = build(write_arrays(tmp_path / "small.npz", names=names), levels=3, episodes=0, null_draws=5)
    page = write_report(benchmark, tmp_path / "out", features=tmp_path / "small.npz")
    text = page.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in text
    assert HOSTILE in {each["name"] for each in content_of(page)["classes"]}


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [("features", "nothing.npz", Exception), ("images", "folder:nowhere", DatasetError), ("runs", "nowhere", RunError)],
)
def test_what_cannot_be_opened_writes_nothing(benchmark, tmp_path, option, value, error):
    with pytest.raises(error):
        write_report(benchmark, tmp_path / "out", **{option: value})
    assert not (tmp_path / "out" / "index.html").exists()


def test_features_of_other_classes_are_refused(benchmark, tmp_path):
    np.savez(tmp_path / "f.npz", features=np.eye(5, dtype=np.float32), classes=np.array(list("abcde")))
    with pytest.raises(SplitError, match="the features lack 20 classes of the benchmark small"):
        write_report(benchmark, tmp_path / "out", features=tmp_path / "f.npz")


def test_a_page_is_not_overwritten_unless_asked(benchmark, tmp_path):
    page = write_report(benchmark, tmp_path)
    before = page.read_bytes()
    with pytest.raises(InputError, match="overwrite"):
        write_report(benchmark, tmp_path)
    assert write_report(benchmark, tmp_path, overwrite=True).read_bytes() == before
