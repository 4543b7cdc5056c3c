from __future__ import annotations

import pytest

from oodml_bench.features.devices import MOST_WORKERS
from oodml_bench.scale.run_needs import RunNeeds

CPU_MACHINE = {"CPU": 64.0, "memory": 1.0}
SMALL = {"CPU": 8.0, "GPU": 2.0}
LARGE = {"CPU": 96.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("machines", "gpus", "workers", "device", "expected"),
    [
        ([CPU_MACHINE], None, None, "auto", RunNeeds(0, 1, "cpu")),
        ([], None, None, "auto", RunNeeds(0, 1, "cpu")),
        ([CPU_MACHINE, SMALL], None, None, "auto", RunNeeds(1, 4, "auto")),
        # The smallest machine's share, so that every machine with GPUs has room.
        ([LARGE, SMALL], None, None, "auto", RunNeeds(1, 4, "auto")),
        ([LARGE], None, None, "auto", RunNeeds(1, 1 + MOST_WORKERS, "auto")),
        ([SMALL], 0.5, None, "auto", RunNeeds(0.5, 2, "auto")),
        ([SMALL], None, 7, "cuda", RunNeeds(1, 8, "cuda")),
        ([SMALL], None, None, "cpu", RunNeeds(0, 1, "cpu")),
        ([SMALL], 0, None, "auto", RunNeeds(0, 1, "cpu")),
        # Of a cluster that grows by need.
        ([CPU_MACHINE], 1, None, "auto", RunNeeds(1, 1, "auto")),
    ],
)
def test_a_run_asks_for_its_share_of_a_machine(
    machines: list[dict[str, float]], gpus: float | None, workers: int | None, device: str, expected: RunNeeds
) -> None:
    needs = RunNeeds.on_machines(machines, gpus, workers, device)
    assert needs == expected
    assert needs.options == {"num_gpus": expected.gpus, "num_cpus": expected.cpus}
    assert needs.workers == expected.cpus - 1
    if workers is not None:
        assert needs.workers == workers


@pytest.mark.parametrize(
    ("needs", "fits"),
    [
        (RunNeeds(1, 4, "auto"), True),
        (RunNeeds(0, 8, "cpu"), True),
        (RunNeeds(0.5, 9, "auto"), False),
        (RunNeeds(3, 1, "auto"), False),
    ],
)
def test_a_machine_has_room_for_what_it_has_enough_of(needs: RunNeeds, fits: bool) -> None:
    assert needs.fit_on(SMALL) == fits
    assert not RunNeeds(1, 1, "auto").fit_on(CPU_MACHINE)
