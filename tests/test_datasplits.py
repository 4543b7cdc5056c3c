"""The benchmark that ships with the project."""

import json
import re
import shlex

import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.features import extract, open_features
from oodml_bench.splits import build, load_benchmark


@pytest.fixture(scope="module")
def made_again(request, tmp_path_factory):
    """Build the glyph benchmark again with the demo's settings, as the Makefile gives them."""
    clone = request.getfixturevalue("clone")
    variables = dict(re.findall(r"^(GLYPH\w*) := (.*)$", (clone / "Makefile").read_text(), re.MULTILINE))
    dataset, _, backbone, _, side, _, device = shlex.split(variables["GLYPHS"])
    _, levels = shlex.split(variables["GLYPH_LEVELS"])
    store = tmp_path_factory.mktemp("glyphs") / "features"
    extract(open_dataset(dataset), store, backbone=backbone, image_size=int(side), device=device)
    return build(open_features(store), levels=int(levels))


def document_and_decimals(file):
    """Give a JSON file without its decimal numbers, and these in their order."""
    decimals = []
    return json.loads(file.read_text(), parse_float=lambda text: decimals.append(float(text))), decimals


@pytest.mark.slow
def test_the_glyph_benchmark_can_be_made_again(clone, made_again, tmp_path):
    shipped = load_benchmark(clone / "datasplits" / "glyphs_splits.pkl")
    # Another processor or release of PyTorch rounds features otherwise, in their last digits, and another processor
    # rounds the distances of the same features otherwise: all else must be equal.
    has_same_features = made_again.provenance.features["sha256"] == shipped.provenance.features["sha256"]
    for number, level in shipped.levels.items():
        again = made_again.levels[number]
        assert (again.train, again.test, again.step, again.swaps, again.removed) == (
            *(level.train, level.test, level.step, level.swaps, level.removed),
        )
        assert (again.split_train, again.split_val) == (level.split_train, level.split_val)
        assert again.test_episodes == level.test_episodes
        assert again.fid == pytest.approx(level.fid, rel=1e-12 if has_same_features else 1e-4)
    assert len(made_again.levels) == len(shipped.levels)
    if has_same_features:
        files = (made_again.save(tmp_path / "x_splits.pkl")[1], clone / "datasplits" / "glyphs_splits.json")
        (document, decimals), (expected, expected_decimals) = map(document_and_decimals, files)
        assert document == expected
        assert decimals == pytest.approx(expected_decimals, rel=1e-9, abs=1e-9)


def test_the_shipped_files_are_those_that_would_be_written(clone, tmp_path):
    pickle_file, json_file = (clone / "datasplits" / f"glyphs_splits.{suffix}" for suffix in ("pkl", "json"))
    written = load_benchmark(json_file).save(tmp_path / "glyphs_splits.pkl")
    assert [file.read_bytes() for file in written] == [pickle_file.read_bytes(), json_file.read_bytes()]


@pytest.mark.slow
def test_the_same_features_give_the_same_bytes(made_again, tmp_path):
    # The fixture's benchmark was built from other objects; saving twice must not depend on them.
    first = made_again.save(tmp_path / "first.pkl")
    again = load_benchmark(first[1]).save(tmp_path / "again.pkl")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]


def test_the_glyph_benchmark_is_a_sound_ladder(clone):
    benchmark = load_benchmark(clone / "datasplits" / "glyphs_splits.pkl")
    fids = [level.fid for level in benchmark.levels.values()]
    assert len(fids) == 8
    assert fids == sorted(fids)
    assert fids[-1] > 5 * fids[0]
    for level in benchmark.levels.values():
        assert not set(level.train) & set(level.test)
        assert len(level.train) + len(level.test) + len(level.removed) == 300
        assert list(level.test_episodes) == [2, 5, 10]
