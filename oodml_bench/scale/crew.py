"""How many processes an extraction has on a cluster, and what they ask of it."""

from __future__ import annotations

from dataclasses import dataclass

from oodml_bench.errors import BackboneError, ClusterError, InputError
from oodml_bench.scale.cluster import resource

_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Crew:
    """The processes of an extraction.

    Attributes
    ----------
    networks
        Processes with a network.
    readers
        Processes that read and decode pictures.
    gpus
        GPUs of each network: one or none.
    cpus
        CPUs that each reader, and each network without a GPU, asks of Ray: below one, see `_share`.
    """

    networks: int
    readers: int
    gpus: int
    cpus: float

    @property
    def device(self) -> str:
        """Where the networks compute."""
        return "cuda" if self.gpus else "cpu"

    @property
    def network_cpus(self) -> float:
        """CPUs of each network. None with a GPU: readers on all CPUs of a machine must not keep it from its GPU."""
        return 0 if self.gpus else self.cpus

    @classmethod
    def on_cluster(cls, gpus: int | None, workers: int | None, device: str) -> Crew:
        """Decide for the cluster that this process is connected to; see `on_machines`."""
        return cls.on_machines(resource("CPU"), resource("GPU"), gpus, workers, device)

    @classmethod
    def on_machines(
        cls, cpus_there: float, gpus_there: float, gpus: int | None, workers: int | None, device: str
    ) -> Crew:
        """Decide for machines that have so many CPUs and GPUs together.

        Parameters
        ----------
        cpus_there, gpus_there
            What the cluster has.
        gpus
            GPUs to use, 0: the CPUs; None: all there are, if the device allows it.
        workers
            Readers. None: one a CPU; but only on half of the CPUs where networks compute on the others.
        device
            `auto`, `cpu` or `cuda`.

        Raises
        ------
        BackboneError
            Where the device is another one, contradicts `gpus`, or the cluster has fewer GPUs.
        InputError
            Where there is no worker.
        ClusterError
            Where the cluster has no CPU.
        """
        _check(gpus, workers, device)
        if cpus_there < 1:
            raise ClusterError("the cluster has no CPU for this work. Add machines: `ray start --address HOST:PORT`.")
        wanted = (0 if device == "cpu" else int(gpus_there)) if gpus is None else gpus
        if wanted > gpus_there or (device == "cuda" and not wanted):
            raise BackboneError(f"the cluster has {gpus_there:.0f} GPUs, and {wanted or 1} are wanted; see --gpus")
        cpus = int(cpus_there)
        if wanted:
            readers = workers or cpus
            return cls(wanted, readers, 1, _share(readers, cpus))
        readers = workers or max(1, cpus // 2)
        networks = max(1, cpus - readers)
        return cls(networks, readers, 0, _share(networks + readers, cpus))


def _check(gpus: int | None, workers: int | None, device: str) -> None:
    if device not in _DEVICES:
        raise BackboneError(f"device {device!r} is not available on a cluster; allowed: {', '.join(_DEVICES)}")
    if gpus is not None and gpus < 0:
        raise BackboneError(f"{gpus} GPUs cannot be used; allowed: 0 or more")
    if gpus and device == "cpu":
        raise BackboneError(f"{gpus} GPUs are wanted, and the device is cpu. Leave one of both out.")
    if gpus == 0 and device == "cuda":
        raise BackboneError("no GPUs are wanted, and the device is cuda. Leave one of both out.")
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers cannot read pictures on a cluster; allowed: 1 or more")


def _share(processes: int, cpus: int) -> float:
    """Give the part of a CPU for each process: so that a whole number of them fits on one, and all fit together.

    Half of what that would be. Ray puts them apart anyway, and if machines are lost while they start, the others have
    room: a reader without room would keep every network waiting, for ever.
    """
    return 0.5 / -(-processes // cpus)
