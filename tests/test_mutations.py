"""The tests that hold the promises of SECURITY.md fail where the package breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.environments import without_coverage

pytestmark = pytest.mark.nightly


class Mutation(NamedTuple):
    """A line of the package, what is put in its place, and the tests that have to fail then."""

    file: str
    line: str
    instead: str
    tests: str
    chosen: str = ""


MUTATIONS = {
    "pickles run": Mutation(
        "splits/unpickling.py",
        "value = PickleMachine(content).run()",
        "import pickle; value = pickle.loads(content)",
        "splits/test_unpickling.py",
        "refused_unrun",
    ),
    "paths lead out": Mutation(
        "datasets/enclosure.py", "if leads_out(name):", "if False:", "datasets/test_enclosure.py"
    ),
    "links lead out": Mutation(
        "datasets/enclosure.py", "if not self.linked and", "if False and", "datasets/test_enclosure.py"
    ),
    "names steer the terminal": Mutation(
        "printing.py", "return _HARMFUL.sub(_escape, text)", "return text", "cli/test_hostile_output.py"
    ),
    "two write into one folder": Mutation(
        "locks.py",
        "stack.enter_context(exclusive(lock, wait=_WAIT))",
        "pass",
        "faults/test_two_processes.py",
        "told_who",
    ),
    "files are written in place": Mutation(
        "output.py",
        "temporary = _unfinished(path)",
        "temporary = path",
        "faults/test_full_disks.py",
    ),
    "the batch size changes features": Mutation(
        "features/forward.py",
        'return CPU_BATCH if device_type == "cpu" else batch_size',
        "return batch_size",
        "test_determinism.py",
    ),
    "a class is on both sides": Mutation(
        "splits/verification/sides.py",
        "if both := {*level.train} & {*level.test}:",
        "if both := set():",
        "splits/test_verification.py",
    ),
    "support is queried": Mutation(
        "splits/verification/few_shot.py",
        "if used_up := [name",
        "if used_up := [name for name in ()] and [name",
        "splits/test_verification.py",
    ),
    "copies across the sides": Mutation(
        "splits/audit/boundaries.py",
        "return self.codes[first] * self.codes[second] == _FIRST * _SECOND",
        "return self.codes[first] * self.codes[second] == _FIRST",
        "splits/audit",
    ),
}


@pytest.mark.parametrize("promise", MUTATIONS)
def test_a_broken_promise_fails_its_tests(clone: Path, tmp_path: Path, promise: str) -> None:
    mutation = MUTATIONS[promise]
    for name in ("oodml_bench", "tests", "baselines", "datasplits"):
        shutil.copytree(clone / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "cli.py", "README.md"):
        shutil.copy(clone / name, tmp_path / name)
    file = tmp_path / "oodml_bench" / mutation.file
    source = file.read_text(encoding="utf-8")
    assert source.count(mutation.line) == 1
    file.write_text(source.replace(mutation.line, mutation.instead), encoding="utf-8")
    chosen = ["-k", mutation.chosen] if mutation.chosen else []
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", f"tests/{mutation.tests}", *chosen],
        cwd=tmp_path,
        env=without_coverage(PYTHONPATH=str(tmp_path), OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout[-3000:] + ended.stderr[-1000:]
