from __future__ import annotations

import pytest
import torch

from oodml_bench.errors import BackboneError
from oodml_bench.features.devices import autocast, choose_device, choose_precision

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
