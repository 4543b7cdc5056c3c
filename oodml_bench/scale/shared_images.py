"""The images of a dataset on every machine of a cluster, which must be the same ones."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from oodml_bench.datasets.dataset import UNREADABLE, digest_of
from oodml_bench.errors import DatasetError
from oodml_bench.scale.many_tasks import in_turn
from oodml_bench.scale.problems import problem_of, raise_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oodml_bench.datasets.dataset import Dataset, ImageSource

#: Samples whose digests are taken by one task.
_A_TASK = 1024


@dataclass(frozen=True)
class SharedImages:
    """An image source, and how a machine finds out whether it sees the same images.

    Attributes
    ----------
    dataset
        The dataset's name.
    images
        The image source.
    folder
        Where relative paths of the image source begin.
    sample, digest
        A sample that can be read, and its digest; None where there is none.
    """

    dataset: str
    images: ImageSource
    folder: str
    sample: str | None
    digest: bytes

    @classmethod
    def of(cls, dataset: Dataset) -> SharedImages:
        """Take down what this machine sees."""
        digests = ((sample, digest_of(dataset.images, sample)) for _, sample in dataset.in_order())
        sample, digest = next((found for found in digests if found[1] != UNREADABLE), (None, UNREADABLE))
        return cls(dataset.name, dataset.images, os.getcwd(), sample, digest)  # noqa: PTH109 (sent as text)

    def here(self) -> ImageSource:
        """Give the image source on this machine, for a process that does nothing else.

        Without this check, a machine that lacks the images would take all of them for broken.

        Raises
        ------
        DatasetError
            Where this machine does not see the same images.
        """
        with suppress(OSError):
            os.chdir(self.folder)
        if self.sample is not None and digest_of(self.images, self.sample) != self.digest:
            raise DatasetError(
                f"dataset {self.dataset}: image {self.sample} cannot be read on the machine {socket.gethostname()} as "
                "on the one that started this. Put the dataset where all machines see it, under the same path."
            )
        return self.images


def fingerprint_on_ray(dataset: Dataset, shared: SharedImages) -> str:
    """Give the fingerprint of a dataset, whose samples are read by the machines of the cluster.

    Raises
    ------
    DatasetError
        Where a machine does not see the same images.
    """
    import ray

    reference = ray.put(shared)
    task = ray.remote(_digests_of).options(max_retries=-1)
    samples = (sample for _, sample in dataset.in_order())
    batches = iter(lambda: list(islice(samples, _A_TASK)), [])
    results = in_turn(lambda batch: task.remote(reference, batch), batches)
    return dataset.fingerprint_from(chain.from_iterable(map(_checked, results)))


def _digests_of(shared: SharedImages, samples: list[str]) -> list[bytes] | str:
    """Give the digests of samples, or the problem of this machine: a task."""
    try:
        images = shared.here()
    except DatasetError as error:
        return problem_of(error)
    return [digest_of(images, sample) for sample in samples]


def _checked(result: list[bytes] | str) -> Iterator[bytes]:
    if isinstance(result, str):
        raise_problem(result)
    return iter(result)
