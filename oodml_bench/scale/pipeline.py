"""Parts of a feature store as a stream through the machines of a cluster, on Ray Data."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from oodml_bench.errors import ClusterError
from oodml_bench.scale.part_writer import PartWriter
from oodml_bench.scale.stages import Compute, Computing, Read, Reading, Row

if TYPE_CHECKING:
    from collections.abc import Generator

    from oodml_bench.datasets.dataset import Dataset
    from oodml_bench.features.store import FeatureStore
    from oodml_bench.scale.crew import Crew

#: Networks whose features one process puts together to parts and writes.
_A_WRITER = 4

#: Tasks for each reader, at least, where there are enough batches: so that all end at about the same time. With many
#: parts there is one task for each of them.
_A_READER = 8

#: Bytes of pictures that a reader hands on at once, at least a batch: less than Ray Data's 128 MiB, so that networks
#: wait less for the first pictures and readers less for the last.
_BLOCK = 64 * 2**20


@dataclass(frozen=True)
class Job:
    """What is to be extracted, how, and where to."""

    reading: Reading
    computing: Computing
    store: FeatureStore
    dataset: Dataset

    def size_of(self, part: int) -> int:
        """Give the number of samples that a part is about."""
        size = self.store.meta.part_size
        return min(size, self.store.meta.dataset.sample_count - part * size)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: the problem, or the samples of the part that it made whole, or neither."""

    part: int
    written: int | None
    problem: str | None


def outcomes_of(job: Job, crew: Crew, parts: Sequence[int]) -> Iterator[Outcome]:
    """Give what becomes of the batches of parts, in any order.

    Neither readers nor networks run far ahead of what takes their output: Ray Data holds them back. Processes that are
    lost are not replaced, since there may be no machine for them any more.

    Raises
    ------
    ClusterError
        Where a process is lost.
    """
    import ray

    batches = _batches(job, parts)
    tasks = min(len(batches), max(len(parts), _A_READER * crew.readers))
    with ray.data.DataContext.current(_context()), _quiet():
        outcomes = (
            ray.data.from_items(batches, override_num_blocks=tasks)
            .map_batches(
                Read,
                fn_constructor_args=[ray.put(job.reading)],
                num_cpus=crew.cpus,
                **_actors(min(crew.readers, tasks)),
            )
            .map_batches(
                Compute,
                fn_constructor_args=[job.computing, _writers(job, crew)],
                num_cpus=crew.network_cpus,
                num_gpus=crew.gpus,
                **_actors(min(crew.networks, tasks)),
            )
            .iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
        )
        # Closing ends the stream, also where it is not read to its end.
        coming = cast("Generator[pa.Table]", iter(outcomes))
        with closing(coming), _losses_explained():
            for table in coming:
                yield from (Outcome(**row) for row in table.to_pylist())


def _actors(count: int) -> dict[str, Any]:
    from ray.data import ActorPoolStrategy

    return {
        "compute": ActorPoolStrategy(size=count),
        "batch_size": None,
        "batch_format": "pyarrow",
        "zero_copy_batch": True,
        "max_restarts": 0,
        "max_task_retries": 0,
    }


def _writers(job: Job, crew: Crew) -> list[Any]:
    import ray

    writer = ray.remote(PartWriter).options(num_cpus=0, scheduling_strategy="SPREAD")
    superclasses = ray.put(dict(job.dataset.superclasses))
    return [writer.remote(job.store, superclasses) for _ in range(-(-crew.networks // _A_WRITER))]


def _batches(job: Job, parts: Sequence[int]) -> list[Row]:
    """Give the batches of parts, before they are read."""
    size = job.computing.batch_size
    batches = []
    for part, names in _names_of(job.dataset, parts, job.store.meta.part_size):
        places = range(0, len(names), size)
        for place, at in enumerate(places):
            classes, samples = zip(*names[at : at + size], strict=True)
            batches.append(
                {
                    "part": part,
                    "place": place,
                    "places": len(places),
                    "classes": list(classes),
                    "samples": list(samples),
                }
            )
    return batches


def _names_of(dataset: Dataset, parts: Sequence[int], part_size: int) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Give the (class, sample) pairs of parts, which are sorted."""
    coming, at = dataset.in_order(), 0
    for part in parts:
        start = part * part_size
        yield part, list(islice(coming, start - at, start - at + part_size))
        at = start + part_size


def _context() -> Any:
    from ray.data import DataContext

    with warnings.catch_warnings():
        # It warns of its own deprecated fields when it copies them.
        warnings.simplefilter("ignore", DeprecationWarning)
        context = DataContext.get_current().copy()
    # Progress is told of samples, by the one who asked.
    context.enable_progress_bars = False
    context.target_max_block_size = _BLOCK
    return context


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray Data from printing its own doings: what is lost is dealt with here, and told in other words."""
    from ray.util.annotations import RayDeprecationWarning

    with warnings.catch_warnings():
        # Actors that are not replaced can be had by no other way yet.
        warnings.simplefilter("ignore", RayDeprecationWarning)
        # Its log files stay: they are what a fault is found by.
        console = [handler for handler in logging.getLogger("ray.data").handlers if handler.name == "console"]
        for handler in console:
            handler.addFilter(_nothing)
        try:
            yield
        finally:
            for handler in console:
                handler.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


@contextmanager
def _losses_explained() -> Iterator[None]:
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError:
        # A fault of our own.
        raise
    except RayError as error:
        raise ClusterError(f"{type(error).__name__}: {error}") from error
