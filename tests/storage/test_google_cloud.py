"""Google Cloud Storage, of which a server stands in on this machine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.errors import OutputError
from oodml_bench.features import extract
from oodml_bench.locations import location
from oodml_bench.output import write_bytes
from oodml_bench.splits import build, load_benchmark
from tests.features.feature_samples import contents, tiny_backbone, write_pictures


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server_module = pytest.importorskip("gcp_storage_emulator.server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = server_module.create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    # Nothing is asked of the machines that Google rents out.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    yield "gs://bucket"
    server.stop()


def test_images_features_and_benchmarks_lie_there_as_here(bucket: str, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "products", classes=12, samples=4)
    for file in pictures.rglob("*.png"):
        write_bytes(location(f"{bucket}/products/{file.relative_to(pictures).as_posix()}"), file.read_bytes())
    assert open_dataset(f"folder:{bucket}/products").samples == open_dataset(f"folder:{pictures}").samples
    options = {"backbone": tiny_backbone(), "workers": 0, "part_size": 20}
    here = extract(f"folder:{pictures}", tmp_path / "here", **options)
    there = extract(f"folder:{bucket}/products", f"{bucket}/features", **options)
    assert there.computed == here.computed
    assert {path.name: path.read_bytes() for path in there.store.path.iterdir()} == contents(tmp_path / "here")
    benchmark = build(f"{bucket}/features", levels=2, min_classes=4, shots=(2,), null_draws=0)
    benchmark.save(f"{bucket}/x_splits.pkl")
    assert load_benchmark(f"{bucket}/x_splits.json").levels == benchmark.levels
    with pytest.raises(OutputError, match=r"cannot write gs://missing/x.json: "):
        write_bytes(location("gs://missing/x.json"), b"")
