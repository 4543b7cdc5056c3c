"""Extraction on a Ray cluster: the same feature store, made by many machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from oodml_bench.errors import ClusterError
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.describing import meta_of
from oodml_bench.features.devices import choose_device, choose_precision
from oodml_bench.features.extraction import Extraction, check_sizes, opened
from oodml_bench.features.forward import pictures_at_once
from oodml_bench.features.sample_order import skipped_samples
from oodml_bench.features.store import FeatureStore
from oodml_bench.features.store_writing import begin_store, finish_store, finished_store
from oodml_bench.locations import check_shared, location
from oodml_bench.locks import held
from oodml_bench.progress import progress_of, working_on
from oodml_bench.scale.cluster import connected, resource, wait_until_losses_are_noticed
from oodml_bench.scale.crew import Crew
from oodml_bench.scale.many_tasks import in_turn
from oodml_bench.scale.pipeline import Job, outcomes_of
from oodml_bench.scale.problems import problem_of, raise_problem
from oodml_bench.scale.shared_images import SharedImages, fingerprint_on_ray
from oodml_bench.scale.stages import Computing, Reading

if TYPE_CHECKING:
    from oodml_bench.datasets.dataset import Dataset

#: Parts that are handed to the cluster at once: what it is told of them is bounded, whatever the dataset's size.
_A_ROUND = 2**14

#: How often in a row machines may be lost without a part being finished in between.
MOST_LOSSES = 5


def extract_on_ray(
    dataset: Dataset | str,
    out: Path | str,
    *,
    address: str | None = None,
    gpus: int | None = None,
    backbone: str = "resnet50",
    weights: Path | str | None = None,
    image_size: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 64,
    workers: int | None = None,
    skip_broken: bool = False,
    part_size: int = 1024,
    progress: bool = False,
) -> Extraction:
    """Do what `oodml_bench.features.extract` does, by the machines of a Ray cluster.

    The store is the same, and one that was begun by one of the two is finished by the other. On the CPU features are
    equal to the last bit, on GPUs up to rounding. Where a machine is lost, the parts that it was at are done again by
    the others; where all are lost, the same call goes on. This process lists the images, and handles no picture and no
    feature.

    Parameters
    ----------
    dataset
        See `oodml_bench.features.extract`; its files must be readable under the same path on every machine.
    out
        The store's folder, on storage that every machine sees under the same path.
    address
        See `oodml_bench.scale.cluster.connected`.
    gpus
        GPUs to use, each by a network of its own; 0: networks on CPUs; None: all GPUs of the cluster, if it has any.
    backbone, weights, image_size
        See `oodml_bench.features.load_backbone`. Each machine loads the weights itself, from the same file, installed
        package or download; other weights than here are refused.
    device
        `auto`, `cpu` or `cuda`.
    precision, batch_size, skip_broken, part_size, progress
        See `oodml_bench.features.extract`. The precision `auto` is that of one of the GPUs.
    workers
        Processes that read and decode pictures. None: see `oodml_bench.scale.crew.Crew`.

    Raises
    ------
    DatasetError, BackboneError, FeatureError, OutputExistsError, OutputError, LockedError
        As `oodml_bench.features.extract` does; also where a machine does not see the same images or weights, or the
        cluster has fewer GPUs.
    MissingExtraError
        Where Ray is not installed.
    ClusterError
        Where there is no such cluster, or machines are lost again and again.
    """
    check_sizes(batch_size=batch_size, part_size=part_size, workers=workers)
    folder = location(out).absolute()
    check_shared(folder)
    with connected(address):
        crew = Crew.on_cluster(gpus, workers, device)
        with working_on("Loading the backbone and taking the dataset's fingerprint", shown=progress):
            images = opened(dataset)
            file = None if weights is None else Path(weights).absolute()
            network = load_backbone(backbone, weights=file, image_size=image_size)
            chosen_precision = _precision_on(crew, precision)
            shared = SharedImages.of(images)
            meta = meta_of(images, fingerprint_on_ray(images, shared), network, chosen_precision, part_size)
        if (finished := finished_store(folder, meta, _missing_parts)) is not None:
            return Extraction(finished, 0, tuple(finished.meta.skipped))
        with held(folder):
            store = begin_store(folder, meta)
            at_once = pictures_at_once(crew.device, batch_size)
            computing = _computing(network, file, image_size, crew, chosen_precision, at_once)
            job = Job(Reading(shared, network.transform, skip_broken), computing, store, images)
            run = _Run(job, gpus, workers, device)
            computed = run.compute_parts(_missing_parts(store), progress=progress)
            store = finish_store(store, skipped_samples(images, store))
    return Extraction(store, computed, tuple(store.meta.skipped))


def _computing(
    backbone: Backbone, file: Path | None, image_size: int | None, crew: Crew, precision: str, batch_size: int
) -> Computing:
    return Computing(
        backbone=backbone.name,
        weights=file,
        image_size=image_size,
        weights_sha256=backbone.weights_sha256,
        dimension=backbone.dimension,
        device=crew.device,
        precision=precision,
        batch_size=batch_size,
    )


def _precision_on(crew: Crew, name: str) -> str:
    """Give the precision to compute with: by a machine that has what the networks need, which this one need not have.

    Raises
    ------
    BackboneError
        Where the device there does not take the precision.
    """
    import ray

    if not crew.gpus:
        return choose_precision(name, choose_device("cpu"))
    problem, precision = ray.get(ray.remote(_precision_there).options(num_gpus=1, num_cpus=0).remote(name))
    if problem is not None:
        raise_problem(problem)
    return precision


def _precision_there(name: str) -> tuple[str | None, str]:
    from oodml_bench.errors import BackboneError

    try:
        return None, choose_precision(name, choose_device("cuda"))
    except BackboneError as error:
        return problem_of(error), ""


def _missing_parts(store: FeatureStore) -> list[int]:
    """Give the numbers of the parts that do not exist or are damaged; the cluster reads them."""
    import ray

    absent = set(store.missing_parts)
    there = [part for part in range(store.meta.part_count) if part not in absent]
    task = ray.remote(FeatureStore.is_whole).options(max_retries=-1)
    reference = ray.put(store)
    whole = in_turn(lambda part: task.remote(reference, part), there)
    damaged = [part for part, good in zip(there, whole, strict=True) if not good]
    return sorted([*absent, *damaged])


@dataclass(frozen=True)
class _Run:
    """One call's work on a store that lacks parts."""

    job: Job
    gpus: int | None
    workers: int | None
    device: str

    def compute_parts(self, parts: Sequence[int], *, progress: bool) -> int:
        """Compute and write parts, however often machines are lost; give the number of samples computed."""
        computed, losses = 0, 0
        left = dict.fromkeys(parts)
        total = sum(map(self.job.size_of, parts))
        with progress_of("Extracting features", total, shown=progress) as advance:
            while left:
                losses += 1
                try:
                    for part, written in self._round(list(islice(left, _A_ROUND))):
                        del left[part]
                        losses = 0
                        computed += written
                        advance(self.job.size_of(part))
                except ClusterError as error:
                    if losses == MOST_LOSSES:
                        raise _lost(error) from error
                    wait_until_losses_are_noticed()
        return computed

    def _round(self, parts: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Give each part that was written, and its number of samples."""
        crew = Crew.on_cluster(self._gpus_left(), self.workers, self.device)
        for outcome in outcomes_of(self.job, crew, parts):
            if outcome.problem is not None:
                raise_problem(outcome.problem)
            if outcome.written is not None:
                yield outcome.part, outcome.written

    def _gpus_left(self) -> int | None:
        """Give the GPUs to use, where the cluster may have fewer by now."""
        if self.job.computing.device == "cpu":
            return 0
        there = int(resource("GPU"))
        if not there:
            raise ClusterError("the cluster has no GPU left")
        return there if self.gpus is None else min(self.gpus, there)


def _lost(error: ClusterError) -> ClusterError:
    return ClusterError(
        f"the cluster lost processes {MOST_LOSSES} times before a part was finished, at last: {error}. What is "
        "finished is kept: run the same command again to continue."
    )
