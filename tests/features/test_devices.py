from __future__ import annotations

import pytest
import torch

from oodml_bench.errors import BackboneError
from oodml_bench.features import devices
from oodml_bench.features.devices import autocast, choose_device, choose_precision, default_workers, sparing_cpus

CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(("name", "device"), [("auto", "cuda"), ("cuda:1", "cuda:1"), ("cpu", "cpu")])
def test_auto_prefers_a_gpu(name: str, device: str) -> None:
    assert choose_device(name) == torch.device(device)


@pytest.mark.usefixtures("no_gpus")
def test_auto_falls_back_to_mps_then_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("mps")


@pytest.mark.usefixtures("no_gpus")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "tpu", ""])
def test_an_unavailable_device_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(BackboneError, match="allowed here: auto, cpu"):
        choose_device(name)


@pytest.mark.parametrize(
    ("capability", "precision"), [((7, 5), "float16"), ((8, 0), "bfloat16"), ((12, 0), "bfloat16")]
)
def test_auto_precision_on_a_gpu_depends_on_its_generation(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose_precision("auto", torch.device("cuda")) == precision


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_auto_precision_is_float32_elsewhere(device: str) -> None:
    assert choose_precision("auto", torch.device(device)) == "float32"


@pytest.mark.parametrize(("name", "device"), [("float16", "cpu"), ("bfloat16", "mps"), ("float64", "cpu")])
def test_an_unavailable_precision_is_refused(name: str, device: str) -> None:
    with pytest.raises(BackboneError, match="allowed: auto, float32"):
        choose_precision(name, torch.device(device))


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_autocast_computes_in_the_precision(precision: str, dtype: torch.dtype) -> None:
    with autocast(precision, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(
    ("cpus", "on_cpu", "on_gpu", "threads"), [(1, 0, 0, 1), (2, 1, 2, 1), (3, 1, 3, 2), (8, 4, 8, 4), (64, 8, 8, 32)]
)
def test_loaders_and_network_share_the_cpus(
    monkeypatch: pytest.MonkeyPatch, cpus: int, on_cpu: int, on_gpu: int, threads: int
) -> None:
    monkeypatch.setattr(devices, "_usable_cpus", lambda: cpus)
    assert default_workers(CPU) == on_cpu
    assert default_workers(torch.device("cuda")) == on_gpu
    before = torch.get_num_threads()
    with sparing_cpus(CPU):
        assert torch.get_num_threads() == min(before, threads)
    assert torch.get_num_threads() == before
