"""Whatever is done to a file, reading it gives a result or one of this package's errors, in bounded time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux tells it")

SEED = 20_201

#: A thousand damaged benchmarks, and some of everything else.
IN_SUITE = {
    "pickle": 300,
    "pickle4": 200,
    "json": 500,
    "toml": 200,
    "parquet": 200,
    "meta": 100,
    "parquet-embeddings": 200,
    "npz": 300,
    "results": 100,
}

NIGHTLY = {
    "pickle": 10_000,
    "pickle4": 5_000,
    "json": 10_000,
    "toml": 10_000,
    "parquet": 10_000,
    "meta": 5_000,
    "parquet-embeddings": 10_000,
    "npz": 10_000,
    "results": 5_000,
}


def fuzz(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.hostile.fuzz", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("kind", IN_SUITE)
def test_damaged_files(kind: str, tmp_path: Path) -> None:
    ended = fuzz(kind, IN_SUITE[kind], SEED, tmp_path)
    assert ended.returncode == 0, ended.stderr
    # Some are good still, or the mutations are too coarse; and not all, or they change nothing.
    assert 0 < int(ended.stdout) < IN_SUITE[kind] * 0.75


@pytest.mark.nightly
@pytest.mark.parametrize("kind", NIGHTLY)
def test_very_many_damaged_files(kind: str, tmp_path: Path) -> None:
    ended = fuzz(kind, NIGHTLY[kind], SEED + 1, tmp_path)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("import os; os.system('true')", "os.system"),
        ("while True: pass", "more than 2.0 seconds"),
        ("bytes(10**6) * 400", "MB more"),
        ("raise KeyError('x')", "KeyError"),
        ("raise fuzz.OodmlError('x' * 10**6)", "a message of"),
    ],
)
def test_a_broken_promise_is_noticed(broken: str, said: str) -> None:
    """The judge itself is judged: a reader that breaks each promise."""
    program = f"""
from pathlib import Path
from tests.hostile import fuzz
from tests.hostile.kinds import Kind
def read(path):
    {broken}
fuzz.SECONDS = 2.0
fuzz.watch()
fuzz.read_once(Kind("x", lambda folder: None, read), Path("x"))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert said in ended.stderr.splitlines()[-1]
