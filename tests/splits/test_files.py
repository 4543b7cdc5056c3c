"""The two benchmark files."""

import json
import pickle
import pickletools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oodml_bench import output
from oodml_bench.errors import BenchmarkFileError, OutputError, OutputExistsError
from oodml_bench.splits import Benchmark, Level, load_benchmark

from .benchmarks import small_benchmark

names = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)
name_lists = st.lists(names, max_size=4).map(tuple)
supports = st.dictionaries(names, name_lists, max_size=3)
levels = st.builds(
    Level,
    train=name_lists,
    test=name_lists,
    fid=st.floats(0, 1e9),
    split_train=name_lists,
    split_val=name_lists,
    test_episodes=st.dictionaries(
        st.integers(1, 10), st.dictionaries(st.integers(0, 3), supports, max_size=2), max_size=2
    ),
    step=st.sampled_from(["0", "-6", "R18"]),
    mean_term=st.floats(0, 1e9),
    covariance_term=st.floats(0, 1e9),
    swaps=st.integers(0, 50),
    removed=name_lists,
    left_out=st.dictionaries(st.integers(1, 10), st.dictionaries(names, st.integers(1, 9), max_size=2), max_size=2),
)
benchmarks = st.builds(
    Benchmark,
    name=names,
    levels=st.lists(levels, min_size=1, max_size=3).map(lambda ladder: dict(enumerate(ladder, start=1))),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(benchmark=benchmarks)
def test_either_file_gives_the_benchmark_back(tmp_path, benchmark):
    pickle_path, json_path = benchmark.save(tmp_path / "x_splits.pkl", overwrite=True)
    assert load_benchmark(pickle_path) == benchmark
    assert load_benchmark(json_path) == benchmark


def test_a_built_benchmark_comes_back_with_everything(tmp_path):
    benchmark = small_benchmark(tmp_path)
    pickle_path, json_path = benchmark.save(tmp_path / "x_splits.json")
    assert (pickle_path.name, json_path.name) == ("x_splits.pkl", "x_splits.json")
    assert load_benchmark(pickle_path) == load_benchmark(json_path) == benchmark


def test_bytes_depend_on_nothing_but_the_benchmark(tmp_path):
    benchmark = small_benchmark(tmp_path)
    first = benchmark.save(tmp_path / "first.pkl")
    # Loaded strings are other objects than built ones; pickle would tell them apart.
    again = load_benchmark(first[1]).save(tmp_path / "again.pkl")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_the_pickle_has_the_published_layout_and_needs_nothing_to_load(tmp_path):
    benchmark = small_benchmark(tmp_path)
    content = benchmark.save(tmp_path / "x.pkl")[0].read_bytes()
    operations = {operation.name for operation, _, _ in pickletools.genops(content)}
    assert not operations & {"GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD", "INST", "OBJ", "EXT1", "PERSID"}
    loaded = pickle.loads(content)
    assert list(loaded) == [1, 2, 3, 4]
    assert list(loaded[1]) == ["train", "test", "fid", "split_train", "split_val", "test_episodes"]
    assert type(loaded[1]["train"]) is list
    assert loaded[1]["test_episodes"][5][0][loaded[1]["test"][0]] == list(
        benchmark.levels[1].test_episodes[5][0][benchmark.levels[1].test[0]]
    )


def test_a_pickle_alone_gives_the_levels(tmp_path):
    benchmark = small_benchmark(tmp_path)
    pickle_path, json_path = benchmark.save(tmp_path / "x_splits.pkl")
    json_path.unlink()
    alone = load_benchmark(pickle_path)
    assert (alone.name, alone.provenance, alone.samples) == ("x", None, {})
    for number, level in benchmark.levels.items():
        assert alone.levels[number].test_episodes == level.test_episodes
        assert (alone.levels[number].fid, alone.levels[number].step) == (level.fid, None)


def test_files_that_disagree(tmp_path):
    benchmark = small_benchmark(tmp_path)
    pickle_path, json_path = benchmark.save(tmp_path / "x.pkl")
    other = replace(benchmark, levels={1: replace(benchmark.levels[1], fid=1.0)})
    kept = pickle_path.read_bytes()
    other.save(pickle_path, overwrite=True)
    pickle_path.write_bytes(kept)
    with pytest.raises(BenchmarkFileError, match="hold different benchmarks"):
        load_benchmark(pickle_path)
    assert load_benchmark(json_path) == other


def test_existing_files_stay_unless_told(tmp_path):
    benchmark = small_benchmark(tmp_path)
    (tmp_path / "x.json").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"x\.json exists already.*--overwrite"):
        benchmark.save(tmp_path / "x.pkl")
    assert (tmp_path / "x.json").read_text() == "mine"
    assert not (tmp_path / "x.pkl").exists()
    benchmark.save(tmp_path / "x.pkl", overwrite=True)
    assert load_benchmark(tmp_path / "x.json") == benchmark


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    benchmark = small_benchmark(tmp_path)
    benchmark.save(tmp_path / "x.pkl")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write .*x\.(pkl|json): No space left on device"):
        replace(benchmark, name="other").save(tmp_path / "x.pkl", overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        small_benchmark(tmp_path).save(tmp_path / "file" / "x.pkl")


@pytest.mark.parametrize("name", ["x", "x.txt", "x.pkl.gz"])
def test_other_suffixes(tmp_path, name):
    with pytest.raises(BenchmarkFileError, match=r"ends in \.pkl or \.json"):
        small_benchmark(tmp_path).save(tmp_path / name)
    with pytest.raises(BenchmarkFileError, match=r"ends in \.pkl or \.json"):
        load_benchmark(tmp_path / name)


def test_a_missing_file(tmp_path):
    with pytest.raises(BenchmarkFileError, match="there is no benchmark file"):
        load_benchmark(tmp_path / "x.pkl")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version(tmp_path, version):
    path = small_benchmark(tmp_path).save(tmp_path / "x.pkl")[1]
    document = json.loads(path.read_text()) | {"schema_version": version}
    path.write_text(json.dumps(document))
    with pytest.raises(BenchmarkFileError, match=f"schema version {version!r}; this version of oodml-bench reads 1"):
        load_benchmark(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "schema version None"),
        ('{"schema_version": 1}', "is no benchmark: at name"),
        ('{"schema_version": 1, "name": "x", "levels": {"1": {"train": 3}}}', "at levels → 1 → train"),
        ('{"schema_version": 1, "name": "x", "levels": {"one": {}}}', "at levels → one"),
    ],
)
def test_malformed_json(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(BenchmarkFileError, match=message):
        load_benchmark(tmp_path / "x.json")
