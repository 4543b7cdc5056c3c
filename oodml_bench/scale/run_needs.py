"""What a run asks of a machine of a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oodml_bench.features.devices import MOST_WORKERS


@dataclass(frozen=True)
class RunNeeds:
    """What a run asks of a machine.

    Attributes
    ----------
    gpus
        GPUs, below 1 for a part of one.
    cpus
        One for the run itself, and one for each loader process.
    device
        Where it computes.
    """

    gpus: float
    cpus: int
    device: str

    @property
    def workers(self) -> int:
        """Loader processes."""
        return self.cpus - 1

    @property
    def options(self) -> dict[str, Any]:
        """What a task of Ray is given."""
        return {"num_gpus": self.gpus, "num_cpus": self.cpus}

    def fit_on(self, machine: Mapping[str, float]) -> bool:
        """Say whether a machine with these resources has room for a run."""
        return self.cpus <= machine.get("CPU", 0) and self.gpus <= machine.get("GPU", 0)

    @classmethod
    def on_cluster(cls, gpus: float | None, workers: int | None, device: str) -> RunNeeds:
        """Decide what runs ask of the cluster that this process is connected to.

        A run uses one GPU where there is any machine with one, unless it is told to use the CPU. Its CPUs are its
        GPUs' share of the smallest such machine; a run without a GPU has one CPU, so that as many as possible run at
        once.

        Parameters
        ----------
        gpus, workers
            As the user gave them; None: decided here.
        device
            `auto` is the CPU where no GPU is given.
        """
        return cls.on_machines(machines_of_cluster(), gpus, workers, device)

    @classmethod
    def on_machines(
        cls, machines: Sequence[Mapping[str, float]], gpus: float | None, workers: int | None, device: str
    ) -> RunNeeds:
        """Decide what runs ask of machines with these resources, as Ray calls them: `CPU`, `GPU`."""
        with_gpus = [machine for machine in machines if machine.get("GPU")]
        if gpus is None:
            gpus = 1 if with_gpus and device != "cpu" else 0
        if not gpus and device == "auto":
            device = "cpu"
        if workers is not None:
            return cls(gpus, 1 + workers, device)
        shares = [machine.get("CPU", 0) * gpus / machine["GPU"] for machine in with_gpus] if gpus else []
        return cls(gpus, min(max(1, int(min(shares, default=1))), 1 + MOST_WORKERS), device)


def machines_of_cluster() -> list[dict[str, float]]:
    """Give the resources of each machine that is in the cluster now, as Ray calls them: `CPU`, `GPU`."""
    import ray

    nodes = ray.nodes()  # type: ignore[no-untyped-call, unused-ignore]  # Ray has no types here.
    return [node["Resources"] for node in nodes if node["Alive"]]
