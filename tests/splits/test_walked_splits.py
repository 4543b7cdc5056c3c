"""Rebuilding the splits of walks from levels."""

from dataclasses import replace

import pytest

from oodml_bench import build, open_features
from oodml_bench.errors import BenchmarkFileError
from oodml_bench.splits import Benchmark, Level
from oodml_bench.splits.search import SearchSettings, search
from oodml_bench.splits.start import start_of
from oodml_bench.splits.walked_splits import walked_splits

from .benchmarks import write_arrays


@pytest.fixture(scope="module", params=["greedy", "paper"])
def walked(request, tmp_path_factory):
    """Give the splits of all steps by their ids, and the walks as a file keeps them."""
    method = request.param
    features = write_arrays(tmp_path_factory.mktemp(method) / "x.npz", count=18)
    benchmark = build(features, method=method, swaps_per_round=1, min_classes=4, shots=(), null_draws=0)
    _, space, start = start_of(open_features(features))
    progressions = search(space, start, SearchSettings(method, swaps_per_round=1), min_classes=4)
    splits = {step.id: step.split for progression in progressions for step in progression.steps}
    return splits, benchmark.walks


def benchmark_at(splits, walks, ids):
    levels = {
        number: Level(splits[step].train, splits[step].test, float(number), step=step)
        for number, step in enumerate(ids, start=1)
    }
    return Benchmark("x", levels, walks=walks)


def test_any_level_of_swaps_leads_to_every_step(walked):
    splits, walks = walked
    for step in splits:
        if not step.startswith("R") or step == "R0":
            assert walked_splits(benchmark_at(splits, walks, [step])) == splits


def test_levels_of_removal_lead_no_further_back(walked):
    splits, walks = walked
    rebuilt = walked_splits(benchmark_at(splits, walks, ["R3", "R2"]))
    assert rebuilt == {step: split for step, split in splits.items() if step.startswith("R") and int(step[1:]) >= 2}


def test_without_walks_there_is_nothing_to_rebuild(walked):
    splits, _ = walked
    assert walked_splits(benchmark_at(splits, (), ["0", "1"])) == {}


def test_levels_that_contradict_the_walks(walked):
    splits, walks = walked
    benchmark = benchmark_at(splits, walks, ["0", "1"])
    levels = {1: benchmark.levels[1], 2: replace(benchmark.levels[1], step="1")}
    with pytest.raises(BenchmarkFileError, match="step 1 does not follow from step 0"):
        walked_splits(replace(benchmark, levels=levels))
