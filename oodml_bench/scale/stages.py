"""What is done with the batches of an extraction on Ray Data: read and decode, then compute features.

A row of a table is a batch of pictures that go through the network together. Errors go along as text in the column
`problem`: an exception would be wrapped by Ray, and end everything around it.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from oodml_bench.datasets.dataset import ImageSource
from oodml_bench.errors import BackboneError, ClusterError, OodmlError
from oodml_bench.features.backbones import load_backbone
from oodml_bench.features.devices import choose_device, choose_precision
from oodml_bench.features.forward import Forward
from oodml_bench.features.loading import LoadedBatch, Pictures, load_batches
from oodml_bench.features.networks import Transform
from oodml_bench.features.sample_order import broken_picture
from oodml_bench.scale.part_writer import Batch
from oodml_bench.scale.problems import problem_of
from oodml_bench.scale.shared_images import SharedImages

Row = dict[str, Any]

#: What a batch is before it is read: which of a part's batches, and its samples.
TO_READ = pa.schema(
    [
        ("part", pa.int64()),
        ("place", pa.int64()),
        ("places", pa.int64()),
        ("classes", pa.list_(pa.string())),
        ("samples", pa.list_(pa.string())),
    ]
)

#: What it is for the network: only samples that could be read, and the float32 values of their pictures.
DECODED = pa.schema(
    [*TO_READ, ("shape", pa.list_(pa.int64())), ("problem", pa.string()), ("pictures", pa.large_binary())]
)

#: What is left of it: the number of its part's samples, if this batch made it whole and it was written.
DONE = pa.schema([("part", pa.int64()), ("written", pa.int64()), ("problem", pa.string())])


@dataclass(frozen=True)
class Reading:
    """What reading takes."""

    shared: SharedImages
    transform: Transform
    skip_broken: bool


class Read:
    """Reads and decodes pictures: an actor."""

    def __init__(self, reference: Any) -> None:
        import ray

        # Pictures are decoded one by one; threads would only take the CPUs of other actors.
        torch.set_num_threads(1)
        self.reading: Reading = ray.get(reference)

    def __call__(self, batches: pa.Table) -> Iterator[pa.Table]:
        """Give each batch decoded, one after the other."""
        for row in batches.to_pylist():
            try:
                yield _table(DECODED, self._decoded(row))
            except OodmlError as error:
                yield _table(DECODED, {**row, "problem": problem_of(error)})

    def _decoded(self, row: Row) -> Row:
        images = self.reading.shared.here()
        names = list(zip(row["classes"], row["samples"], strict=True))
        loaded = self._loaded(images, row["samples"])
        if loaded.broken:
            # This machine may have lost sight of the images meanwhile.
            self.reading.shared.here()
            if not self.reading.skip_broken:
                index, reason = loaded.broken[0]
                raise broken_picture(self.reading.shared.dataset, *names[index], reason)
        kept = [names[index] for index in loaded.indices]
        return {
            **row,
            "classes": [class_name for class_name, _ in kept],
            "samples": [sample for _, sample in kept],
            "shape": list(loaded.pictures.shape),
            "pictures": loaded.pictures.numpy(),
        }

    def _loaded(self, images: ImageSource, samples: list[str]) -> LoadedBatch:
        pictures = Pictures(samples, images, self.reading.transform)
        return next(load_batches(pictures, [range(len(samples))], workers=0, pinned=False))


@dataclass(frozen=True)
class Computing:
    """What computing takes: a backbone to load, which must have these weights."""

    backbone: str
    weights: Path | None
    image_size: int | None
    weights_sha256: str
    dimension: int
    device: str
    precision: str
    batch_size: int


class Compute:
    """Computes features, and hands them to those that write parts: an actor with a network."""

    def __init__(self, computing: Computing, writers: list[Any]) -> None:
        self.computing, self.writers = computing, writers
        self.forward: Forward | str
        try:
            self.forward = _forward_of(computing)
        except OodmlError as error:
            self.forward = problem_of(error)

    def __call__(self, batches: pa.Table) -> pa.Table:
        """Say for each batch what became of it."""
        begun = [(row, self._begun(row)) for row in map(_row_of, _slices(batches))]
        return pa.concat_tables([_table(DONE, _ended(row, outcome)) for row, outcome in begun])

    def _begun(self, row: Row) -> Any:
        """Compute a batch and send it off; give the problem, or the reference to what its writer says."""
        if row["problem"] is not None:
            return row["problem"]
        if isinstance(self.forward, str):
            return self.forward
        names = list(zip(row["classes"], row["samples"], strict=True))
        features = np.empty((0, self.computing.dimension), np.float32)
        try:
            if names:
                features = self.forward(_pictures_of(row), names)
        except OodmlError as error:
            return problem_of(error)
        writer = self.writers[row["part"] % len(self.writers)]
        return writer.add.remote(Batch(row["part"], row["place"], row["places"], names, features))


def _forward_of(computing: Computing) -> Forward:
    backbone = load_backbone(computing.backbone, weights=computing.weights, image_size=computing.image_size)
    if backbone.weights_sha256 != computing.weights_sha256:
        raise BackboneError(
            f"backbone {computing.backbone} has other weights on the machine {socket.gethostname()} (SHA-256 "
            f"{backbone.weights_sha256}) than where the extraction was started ({computing.weights_sha256}). Put the "
            "same weights on all machines."
        )
    device = choose_device(computing.device)
    precision = choose_precision(computing.precision, device)
    return Forward(backbone.module, device, precision, computing.batch_size)


def _ended(row: Row, outcome: Any) -> Row:
    import ray
    from ray.exceptions import RayError

    if not isinstance(outcome, str):
        try:
            outcome = ray.get(outcome)
        except RayError as error:
            outcome = problem_of(ClusterError(f"a process that writes features was lost: {error}"))
    problem, written = (outcome, None) if isinstance(outcome, str) else (None, outcome)
    return {"part": row["part"], "written": written, "problem": problem}


def _slices(batches: pa.Table) -> Iterator[pa.Table]:
    return (batches.slice(at, 1) for at in range(batches.num_rows))


def _row_of(batch: pa.Table) -> Row:
    # Pictures stay where they are: as a Python value they would be copied.
    (row,) = batch.drop_columns(["pictures"]).to_pylist()
    return {**row, "pictures": batch["pictures"][0].as_buffer()}


def _pictures_of(row: Row) -> torch.Tensor:
    values = np.frombuffer(row["pictures"], np.float32).reshape(row["shape"])
    with warnings.catch_warnings():
        # torch warns of memory that may only be read. Nothing writes to it.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(values)


def _table(schema: pa.Schema, row: Row) -> pa.Table:
    columns = [
        _binary(row.get(field.name)) if field.name == "pictures" else pa.array([row.get(field.name)], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _binary(values: np.ndarray[Any, Any] | None) -> pa.Array:
    """Make an array of one value out of an array's memory, without a copy."""
    if values is None:
        return pa.nulls(1, pa.large_binary())
    flat = np.ascontiguousarray(values)
    return pa.Array.from_buffers(
        pa.large_binary(), 1, [None, pa.py_buffer(np.array([0, flat.nbytes], np.int64)), pa.py_buffer(flat)]
    )
