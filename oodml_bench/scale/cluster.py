"""The Ray cluster that work is given to."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from oodml_bench.errors import ClusterError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds after which a machine that gives no sign, and is not known as lost either, is counted as one that works.
_PATIENCE = 120.0


@contextmanager
def connected(address: str | None = None) -> Iterator[None]:
    """Be connected to a Ray cluster while the block runs; a connection that exists already is used, and kept.

    Parameters
    ----------
    address
        `auto`: the cluster that this machine belongs to; `HOST:PORT` of a cluster's head; None: what the environment
        variable RAY_ADDRESS says, else `local`: a new one of this machine alone, for as long as the block runs.

    Raises
    ------
    MissingExtraError
        Where Ray is not installed.
    ClusterError
        Where there is no such cluster.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            'work on a cluster needs the package ray. Install it: pip install "oodml-bench[ray]"'
        ) from error
    if ray.is_initialized():
        yield
        return
    # Ray itself would look for the last cluster on this machine, and wait minutes for one that was killed.
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        # A dashboard could only be asked for where a cluster is started.
        dashboard: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
        ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False, **dashboard)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"cannot connect to a Ray cluster at {address}: {error}. Start one with "
            "`ray start --head`, add machines with `ray start --address HOST:PORT`, and pass --address auto on one of "
            "them, or --address HOST:PORT."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def resource(name: str) -> float:
    """Give how much of a resource all machines have together that are in the cluster now: `CPU`, `GPU`."""
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call, unused-ignore]
    return there.get(name, 0)


def wait_until_losses_are_noticed() -> None:
    """Wait until Ray counts no machine any more that was lost just now; this takes it half a minute.

    Each machine that it counts is given an empty task: those of lost ones end, in an error, when Ray has noticed.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call, unused-ignore]
    task = ray.remote(_nothing)
    signs = [
        task.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote()
        for node in nodes
    ]
    ray.wait(signs, num_returns=len(signs), timeout=_PATIENCE)


def _nothing() -> None:
    pass
