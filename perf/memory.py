"""Memory of extraction, build and evaluation from 10,000 to 1,000,000 images, beside reading everything at once."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measure import Alone, timed_alone
from numpy.typing import NDArray
from PIL import Image
from tables import Cell, Table, report

from oodml_bench.progress import working_on

CLASSES = 1000
DIMENSION = 128

#: Classes that are scored: retrieval takes time with the square of their samples.
SCORED_CLASSES = 100

SIZES = (10_000, 100_000, 1_000_000)
QUICK = (2_000, 4_000)

#: Rows that are made at once; also those of a row group of the embeddings file.
_BLOCK = 8192

#: Seconds between two looks at the memory.
_INTERVAL = 0.002

Task = Callable[[], object]


def samples_of(count: int) -> dict[str, tuple[str, ...]]:
    """Give the samples of each class."""
    of_class = count // CLASSES
    return {
        f"class_{number:04}": tuple(f"class_{number:04}/image_{sample:06}.jpg" for sample in range(of_class))
        for number in range(CLASSES)
    }


def feature_blocks(count: int) -> Iterator[tuple[list[str], list[str], NDArray[np.float32]]]:
    """Give classes, samples and features, block by block: never the whole."""
    of_class = count // CLASSES
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLASSES, DIMENSION)).astype(np.float32)
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        codes, places = np.divmod(rows, of_class)
        classes = [f"class_{code:04}" for code in codes.tolist()]
        samples = [f"{name}/image_{place:06}.jpg" for name, place in zip(classes, places.tolist(), strict=True)]
        yield classes, samples, centres[codes] + rng.standard_normal((len(rows), DIMENSION)).astype(np.float32)


def write_store(folder: Path, count: int) -> None:
    """Write a feature store, part by part."""
    from oodml_bench.features.store_meta import DatasetMeta, StoreMeta, WeightsMeta
    from oodml_bench.features.store_writing import Rows, begin_store, finish_store, write_part

    meta = StoreMeta(
        dataset=DatasetMeta(name="synthetic", fingerprint="none", sample_count=count, default_halves=None),
        backbone="none",
        weights=WeightsMeta(id="none", sha256="none"),
        transform="none",
        dimension=DIMENSION,
        precision="float32",
        part_size=_BLOCK,
        versions={},
    )
    store = begin_store(folder, meta)
    for part, (classes, samples, features) in enumerate(feature_blocks(count)):
        write_part(store, part, Rows(samples, classes, [None] * len(classes), features))
    finish_store(store, [])


def write_embeddings(path: Path, count: int) -> None:
    """Write embeddings as another program would, to one Parquet file."""
    kind = pa.list_(pa.float32(), DIMENSION)
    schema = pa.schema({"sample": pa.string(), "embedding": kind})
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as file:
        for _, samples, features in feature_blocks(count):
            values = pa.FixedSizeListArray.from_arrays(pa.array(features.reshape(-1)), DIMENSION)
            file.write_table(pa.table([pa.array(samples), values], schema=schema))


class DrawnImages:
    """Pictures that take no memory and hardly any time; their digests take what a small file's would."""

    def open(self, sample: str) -> Image.Image:
        """Give a picture of one colour, which the sample's name decides."""
        return Image.new("RGB", (4, 4), tuple(self.digest(sample)[:3]))

    def digest(self, sample: str) -> bytes:
        """Give the digest of the name."""
        return hashlib.sha256(sample.encode()).digest()


def prepare_extraction(count: int, folder: str) -> Task:
    """Extract the features of drawn pictures by one linear layer."""
    import torch
    from torchvision.transforms.functional import to_tensor

    from oodml_bench.datasets import Dataset
    from oodml_bench.features.backbones import Backbone
    from oodml_bench.features.extraction import extract

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, DIMENSION))
    backbone = Backbone("linear", "none", "none", network, to_tensor, "none", DIMENSION)
    dataset = Dataset("synthetic", samples_of(count), DrawnImages())
    return lambda: extract(dataset, Path(folder) / "extracted", backbone=backbone, workers=0, device="cpu")


def prepare_build(_: int, folder: str) -> Task:
    """Build a benchmark of a feature store, and write it."""
    import oodml_bench.splits.files as files
    from oodml_bench.splits import build

    def task() -> object:
        # The search is that of as many classes at every size; its rule does not matter here.
        benchmark = build(Path(folder) / "store", method="paper", levels=3, episodes=2, null_draws=0)
        return files.save_benchmark(benchmark, Path(folder) / "built.pkl")

    return task


def prepare_class_means(_: int, folder: str) -> Task:
    """Average the features of each class: what a build reads features for."""
    from oodml_bench.features import class_means, open_features

    return lambda: class_means(open_features(Path(folder) / "store")).means


def prepare_pandas(_: int, folder: str) -> Task:
    """Do the same by a table in memory."""
    import pandas as pd

    def task() -> object:
        parts = sorted((Path(folder) / "store").glob("*.parquet"))
        table = pd.read_parquet(parts, columns=["class", "feature"])
        features = pd.DataFrame(np.stack(table["feature"].to_list()))
        return features.groupby(table["class"]).mean()

    return task


def prepare_scoring(count: int, folder: str) -> Task:
    """Score a file of embeddings on a level with some of its classes."""
    from oodml_bench.training.foreign import score_foreign

    benchmark = _benchmark(count)
    return lambda: score_foreign(benchmark, Path(folder) / "embeddings.parquet", metrics=["recall@1"])


def prepare_head(count: int, folder: str) -> Task:
    """Score what a head makes of the features of a store, on the same level."""
    import torch

    from oodml_bench.training.embedding import embed
    from oodml_bench.training.inputs import FeatureInputs, in_order
    from oodml_bench.training.material import Material
    from oodml_bench.training.scoring import Subject, zero_shot_rows

    torch.set_num_threads(1)
    head = torch.nn.Linear(DIMENSION, DIMENSION)

    def task() -> object:
        material = Material.open(_benchmark(count), Path(folder) / "store")
        test = material.samples.set_of(material.level(1).test)
        inputs = FeatureInputs(torch.from_numpy(material.feature_rows)).load(in_order(test.rows, 128))
        embeddings = embed(head, inputs, torch.device("cpu"))
        subject = Subject(material.benchmark, 1, "head", 0)
        return zero_shot_rows(subject, embeddings, test.labels, "last", metrics=["recall@1"])

    return task


def prepare_neighbours(_: int, folder: str) -> Task:
    """Do the same by a table in memory and scikit-learn."""
    from sklearn.neighbors import NearestNeighbors

    def task() -> object:
        table = pq.read_table(Path(folder) / "embeddings.parquet").to_pandas()
        classes = table["sample"].str.partition("/")[0]
        scored = sorted(set(classes))[:SCORED_CLASSES]
        test = classes.isin(scored).to_numpy()
        embeddings, labels = np.stack(table["embedding"].to_list())[test], classes[test].to_numpy()
        nearest = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(embeddings).kneighbors(embeddings)[1][:, 1]
        return float((labels[nearest] == labels).mean())

    return task


def _benchmark(count: int) -> object:
    from oodml_bench.datasets.names import name_in_class
    from oodml_bench.splits import Benchmark, Level

    samples = {
        name: tuple(name_in_class(name, sample) for sample in of_class) for name, of_class in samples_of(count).items()
    }
    names = sorted(samples)
    level = Level(train=tuple(names[SCORED_CLASSES:]), test=tuple(names[:SCORED_CLASSES]), fid=1.0)
    return Benchmark("synthetic", {1: level}, samples=samples)


def prepare_watched(name: str, count: int, folder: str) -> Callable[[], float]:
    """Prepare a step that gives the most memory of its own that it took, in MB.

    What is mapped from files does not count: the system takes that memory back when it needs it, and gives it as long
    as it has some, so that a peak would tell about the machine.
    """
    task = STEPS[name](count, folder)

    def watched() -> float:
        before = _own_memory()
        peaks = [before]
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(_INTERVAL):
                peaks[0] = max(peaks[0], _own_memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            task()
        finally:
            ended.set()
            watcher.join()
        return peaks[0] - before

    return watched


def _own_memory() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))) * 1024 / 1e6


STEPS = {
    "`extract`": prepare_extraction,
    "class means": prepare_class_means,
    "class means by pandas": prepare_pandas,
    "`build`": prepare_build,
    "`score-embeddings`": prepare_scoring,
    "scoring a head": prepare_head,
    "scoring by scikit-learn": prepare_neighbours,
}

#: What a user would otherwise run, and instead of what.
INSTEAD = {"class means by pandas": "class means", "scoring by scikit-learn": "`score-embeddings`"}


def measured(count: int) -> dict[str, Alone[float]]:
    """Measure every step at one size, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_store(Path(folder) / "store", count)
        write_embeddings(Path(folder) / "embeddings.parquet", count)
        return {name: timed_alone(prepare_watched, name, count, folder) for name in STEPS}


def tables(sizes: tuple[int, ...]) -> list[Table]:
    """Measure every step at every size."""
    found = {count: measured(count) for count in sizes}
    first, last = sizes[0], sizes[-1]
    rows: list[tuple[Cell, ...]] = []
    for name in STEPS:
        added = [found[count][name].value for count in sizes]
        per_image = (added[-1] - added[0]) * 1e6 / (last - first)
        instead = INSTEAD.get(name)
        ratio = None if instead is None else added[-1] / found[last][instead].value
        rows.append((name, *added, per_image, ratio, found[last][name].seconds))
    return [
        Table(
            title=f"Added memory by number of images: {CLASSES:,} classes, {DIMENSION} dimensions",
            columns=("", *(f"{count:,} [MB]" for count in sizes), "growth [B/image]", "ratio", "time [s]"),
            rows=tuple(rows),
            note=(
                "The most memory of a process of its own, looked at every 2 ms, less what it was before the step: "
                "libraries, and the names of the samples where a step is given them. What is mapped from files is not "
                f"counted: the system takes it back at need. A feature takes {4 * DIMENSION} bytes. Growth: from "
                "the smallest to the largest size. Ratio: added memory at the largest size, over that of the step that "
                f"it stands for. Scored are {SCORED_CLASSES} classes by `recall@1`. Time: at the largest size, once, "
                "all libraries held to one thread; `extract` feeds pictures of one colour to one linear layer."
            ),
        )
    ]


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, to see that it runs.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the tables to this file too.")
def main(quick: bool, json_file: Path | None) -> None:
    """Measure memory by the number of images."""
    with working_on("Measuring memory"):
        made = tables(QUICK if quick else SIZES)
    report(made, json_file)


if __name__ == "__main__":
    main()
