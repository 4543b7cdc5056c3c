"""The same input, seed and versions give the same files, whatever surrounds them."""

import json
import subprocess
import sys

import faiss
import numpy as np
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from oodml_bench.datasets import Dataset
from oodml_bench.evaluation import evaluate_embeddings
from oodml_bench.features import FeatureStore, feature_matrix
from oodml_bench.features.backbones import load_backbone
from oodml_bench.features.devices import at_most_threads
from oodml_bench.features.extraction import extract
from oodml_bench.features.forward import CPU_BATCH
from tests.environments import without_coverage
from tests.features.feature_samples import contents

#: Two of everything: threads, batch sizes, hash seeds, and ways of reading and writing text.
SURROUNDINGS = {
    "one": (
        *("1", "7"),
        {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ),
    "two": ("4", "64", {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}),
}


@pytest.fixture(scope="module")
def made(clone, tmp_path_factory):
    """Go the whole way twice at once, each in a process of its own."""
    folders = {name: tmp_path_factory.mktemp(name) for name in SURROUNDINGS}
    # Coverage cannot be measured in a locale without any characters but ASCII.
    surroundings = without_coverage()
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "tests.whole_run", str(folders[name]), cpus, batch],
            cwd=clone,
            env=surroundings | variables | {"TZ": "UTC" if name == "one" else "Pacific/Auckland"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for name, (cpus, batch, variables) in SURROUNDINGS.items()
    }
    for name, process in processes.items():
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, (name, said.decode(errors="replace"))
    return [folders[name] for name in SURROUNDINGS]


def test_features_are_the_same_bytes(made):
    first, second = (contents(folder / "features") for folder in made)
    assert len(first) > 1
    assert first == second


@pytest.mark.parametrize("suffix", ["pkl", "json"])
@pytest.mark.parametrize("name", ["features", "named"])
def test_splits_are_the_same_bytes(made, name, suffix):
    first, second = ((folder / f"{name}_splits.{suffix}").read_bytes() for folder in made)
    assert first == second


@pytest.mark.parametrize("name", ["features", "named"])
def test_trained_runs_score_the_same(made, name):
    first, second = ((folder / f"{name}-run" / "results.jsonl").read_bytes() for folder in made)
    assert len(first.splitlines()) > 20
    assert first == second


@pytest.mark.parametrize("name", ["features", "named"])
def test_training_takes_the_same_steps(made, name):
    histories = [
        [
            {key: value for key, value in json.loads(line).items() if "second" not in key}
            for line in (folder / f"{name}-run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for folder in made
    ]
    assert histories[0] == histories[1]
    assert len(histories[0]) == 2


class _Pictures:
    """Pictures of noise, each by its name; `broken` ones cannot be read."""

    def __init__(self, broken=()):
        self.broken = broken

    def open(self, sample):
        if sample in self.broken:
            raise OSError("broken")
        rng = np.random.default_rng(int(sample))
        return Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))

    def digest(self, sample):
        return sample.encode().ljust(32)


def features_of(tmp_path, name, *, broken=(), count=CPU_BATCH + 6, threads=1, **options):
    names = tuple(f"{number:03}" for number in range(count))
    dataset = Dataset("noise", {"a": names[:5], "b": names[5:]}, _Pictures(broken))
    backbone = load_backbone("efficientnet_lite0", image_size=64)
    with at_most_threads(threads):
        store = extract(dataset, tmp_path / name, backbone=backbone, device="cpu", workers=0, **options).store
    return {
        sample: feature.tobytes()
        for batch in FeatureStore.open(store.path).batches()
        for sample, feature in zip(batch["sample"].to_pylist(), feature_matrix(batch), strict=True)
    }


def test_a_feature_does_not_depend_on_the_pictures_around_it(tmp_path):
    whole = features_of(tmp_path, "whole")
    broken = ("000", "007", "033")
    for others in (
        features_of(tmp_path, "broken", broken=broken, skip_broken=True, batch_size=5),
        features_of(tmp_path, "parts", part_size=9),
        features_of(tmp_path, "few", count=7),
    ):
        assert 0 < len(others) <= len(whole)
        assert others == {sample: whole[sample] for sample in others}


def test_scores_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 30)
    embeddings = (rng.standard_normal((40, 24))[labels] + rng.standard_normal((1200, 24))).astype(np.float32)
    before = faiss.omp_get_max_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            faiss.omp_set_num_threads(threads)
            with threadpool_limits(threads), at_most_threads(threads):
                found.append(evaluate_embeddings(embeddings, labels).values)
    finally:
        faiss.omp_set_num_threads(before)
    assert found[0] == found[1] == found[2]
