"""Memory does not grow with the number of images as features do: they stream from disk.

Each size is measured in a process of its own. What is mapped from a file is not counted: the system takes it back at
need.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import without_coverage

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
    pytest.mark.slow,
]

#: Both are more than what is held in memory before it goes to disk.
FEW, MANY = 12_000, 48_000
DIMENSION = 2048


def in_perf(clone, classes, code):
    """Run code with perf/memory.py, in a process of its own: what was allocated before would hide what is."""
    settings = f"memory.DIMENSION, memory.CLASSES, memory.SCORED_CLASSES = {DIMENSION}, {classes}, {classes // 20}"
    done = subprocess.run(
        [sys.executable, "-c", f"import memory\nfrom pathlib import Path\n{settings}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        # Arrow's own allocator keeps what was freed.
        env=without_coverage(OMP_NUM_THREADS="1", PYTHONPATH=str(clone / "perf"), ARROW_DEFAULT_MEMORY_POOL="system"),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def added_memory(clone, step, classes, count, folder):
    """Give the bytes that a step of perf/memory.py takes."""
    folder.mkdir()
    in_perf(clone, classes, f"memory.write_store(Path({str(folder)!r}) / 'store', {count})")
    in_perf(clone, classes, f"memory.write_embeddings(Path({str(folder)!r}) / 'embeddings.parquet', {count})")
    told = in_perf(clone, classes, f"print(memory.prepare_watched({step!r}, {count}, {str(folder)!r})())")
    return float(told) * 1e6


@pytest.mark.parametrize(
    ("step", "classes"), [("`build`", 100), ("`score-embeddings`", 1000), ("scoring a head", 1000)]
)
def test_memory_does_not_grow_with_the_features(clone, tmp_path, step, classes):
    few, many = (added_memory(clone, step, classes, count, tmp_path / str(count)) for count in (FEW, MANY))
    # Names take some, in lists and dicts: a quarter of what features of this width take.
    assert many - few < (MANY - FEW) * DIMENSION * 4 / 2
