"""Work that is killed at random moments, with all its processes, and begun again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults import work
from tests.faults.conftest import begun
from tests.faults.outcomes import named, outcome
from tests.faults.processes import finished, killed, started

#: Seconds that every file takes to get its name.
PAUSE = 0.02


def slowly(of: work.Work, prepared: Path, out: Path) -> None:
    work.slow_writes(PAUSE)
    of(prepared, out)


@pytest.mark.parametrize("of", [work.extracting, work.building, work.training, work.sweeping, work.adapting])
@pytest.mark.parametrize("kills", [6, pytest.param(24, marks=pytest.mark.slow)])
def test_work_that_is_killed_and_begun_again_equals_the_undisturbed(
    of: work.Work, kills: int, prepared: Path, undisturbed: Callable[[work.Work], dict[str, Any]], tmp_path: Path
) -> None:
    expected = undisturbed(of)
    begin = time.monotonic()
    assert finished(slowly, of, prepared, begun(of, prepared, tmp_path / "timed")) == 0
    duration = time.monotonic() - begin
    # What is kept makes the rest shorter; a build begins anew each time.
    longest = duration if of is work.building else 1.5 * duration / kills
    rng = np.random.default_rng([kills, len(of.__name__)])
    out = begun(of, prepared, tmp_path / "out")
    cut = 0
    for _ in range(kills):
        process = started(slowly, of, prepared, out)
        process.join(rng.uniform(0.05, 1.0) * longest)
        cut += process.is_alive()
        killed(process)
        left = named(out)
        assert left.keys() <= expected.keys()
        # Whatever has a name is whole, and is what it was going to be, or an earlier state of it.
        assert all(left[name] == expected[name] for name in left if name.endswith((".parquet", ".pkl")))
    assert cut >= kills // 3
    assert finished(of, prepared, out) == 0
    assert outcome(out) == expected
