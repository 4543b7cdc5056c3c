from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults import work
from tests.faults.outcomes import outcome
from tests.faults.processes import finished


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of what all works start from."""
    return work.prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[work.Work], dict[str, Any]]:
    """Give a function that tells what a work leaves when nothing disturbs it."""
    known: dict[work.Work, dict[str, Any]] = {}

    def outcome_of(of: work.Work) -> dict[str, Any]:
        if of not in known:
            folder = begun(of, prepared, tmp_path_factory.mktemp("undisturbed") / "out")
            assert finished(of, prepared, folder) == 0
            known[of] = outcome(folder)
        return known[of]

    return outcome_of


def begun(of: work.Work, prepared: Path, out: Path) -> Path:
    """Give the folder in which a work begins: adaptation needs a trained run there."""
    if of is work.adapting:
        shutil.copytree(prepared / "trained", out)
    return out
