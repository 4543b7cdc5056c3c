"""What a measurement ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import scipy.linalg  # noqa: F401 (loads SciPy's own BLAS, so that it is described)
from threadpoolctl import threadpool_info

from oodml_bench.threads import one_thread

_LIBRARIES = ("numpy", "scipy", "torch", "pytorch-fid", "faiss-cpu", "pytorch-metric-learning")


def description_of_machine() -> dict[str, str]:
    """Describe the processor, the memory, BLAS as it is held during every measurement, and the libraries."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "BLAS": _blas(),
        "Python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def _processor() -> str:
    details = Path("/proc/cpuinfo")
    lines = details.read_text().splitlines() if details.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _blas() -> str:
    """Name each BLAS that is loaded, with its threads: NumPy and SciPy may bring one each."""
    with one_thread():
        loaded = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    named = {
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown')} kernels, "
        f"threads: {pool['num_threads']})"
        for pool in loaded
    }
    return "; ".join(sorted(named))
