from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.errors import BackboneError, ClusterError, InputError, OodmlError
from oodml_bench.scale.crew import Crew

WORKERS = st.none() | st.integers(1, 50)


@given(cpus=st.integers(1, 64), workers=WORKERS)
def test_on_cpus_readers_and_networks_find_room_on_half_of_the_machines(cpus: int, workers: int | None) -> None:
    crew = Crew.on_machines(cpus, 0, None, workers, "auto")
    assert crew.device == "cpu"
    assert crew.gpus == 0
    assert crew.networks >= 1
    assert crew.readers == (workers or max(1, cpus // 2))
    # A CPU takes a whole number of processes, and half of the CPUs have room for all.
    assert round(1 / crew.cpus) * cpus >= 2 * (crew.networks + crew.readers)
    assert crew.network_cpus == crew.cpus


@given(cpus=st.integers(1, 64), gpus=st.integers(1, 16), workers=WORKERS)
def test_each_gpu_has_a_network_whatever_the_readers_take(cpus: int, gpus: int, workers: int | None) -> None:
    crew = Crew.on_machines(cpus, gpus, None, workers, "auto")
    assert (crew.device, crew.networks, crew.gpus, crew.network_cpus) == ("cuda", gpus, 1, 0)
    assert crew.readers == (workers or cpus)
    assert round(1 / crew.cpus) * cpus >= 2 * crew.readers


def test_gpus_are_used_as_far_as_the_user_says() -> None:
    assert Crew.on_machines(8, 4, 2, None, "cuda").networks == 2
    assert Crew.on_machines(8, 4, 0, None, "auto").device == "cpu"
    assert Crew.on_machines(8, 4, None, None, "cpu").device == "cpu"


@pytest.mark.parametrize(
    ("cpus", "gpus_there", "gpus", "workers", "device", "error", "reason"),
    [
        (8, 4, 5, None, "auto", BackboneError, "the cluster has 4 GPUs, and 5 are wanted"),
        (8, 0, None, None, "cuda", BackboneError, "the cluster has 0 GPUs, and 1 are wanted"),
        (8, 4, 1, None, "cpu", BackboneError, "1 GPUs are wanted, and the device is cpu"),
        (8, 4, 0, None, "cuda", BackboneError, "no GPUs are wanted, and the device is cuda"),
        (8, 4, -1, None, "auto", BackboneError, "-1 GPUs"),
        (8, 4, None, None, "cuda:1", BackboneError, "'cuda:1' is not available on a cluster; allowed: auto, cpu, cuda"),
        (8, 0, None, 0, "auto", InputError, "0 workers"),
        (0, 0, None, None, "auto", ClusterError, "no CPU"),
    ],
)
def test_what_contradicts_itself_or_the_cluster_is_refused(
    cpus: int,
    gpus_there: int,
    gpus: int | None,
    workers: int | None,
    device: str,
    error: type[OodmlError],
    reason: str,
) -> None:
    with pytest.raises(error, match=reason):
        Crew.on_machines(cpus, gpus_there, gpus, workers, device)
