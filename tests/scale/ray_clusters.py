"""Real clusters of several nodes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: What a node of a test has.
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@contextmanager
def head_alone(**variables: str) -> Iterator[Any]:
    """Give a cluster of a head that does no work, for the processes that hand it out, under environment variables."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {"RAY_USAGE_STATS_ENABLED": "0", **variables}.items():
            environment.setenv(name, value)
        cluster = cluster_utils.Cluster(
            initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False}
        )
        yield cluster
        cluster.shutdown()


def remove_workers(cluster: Any) -> None:
    """Take away the nodes that were added to a head."""
    for node in list(cluster.worker_nodes):
        cluster.remove_node(node)


@contextmanager
def two_workers(cluster: Any) -> Iterator[Any]:
    """Give a cluster with two nodes that work; none that works is left afterwards."""
    for _ in range(2):
        cluster.add_node(**NODE)
    yield cluster
    remove_workers(cluster)


def wait_until(true: Callable[[], object], limit: float) -> None:
    """Wait for what another process does; fail after `limit` seconds."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)
