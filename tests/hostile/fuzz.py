"""Read many damaged files of a kind, in a process of its own: `python -m tests.hostile.fuzz KIND COUNT SEED FOLDER`.

Ends with 1 at the first that does anything but give a result or one of this package's errors within bounds of processor
time and memory; it is written to FOLDER. `python -m tests.hostile.fuzz KIND FILE …` reads such files again.
"""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from oodml_bench.errors import OodmlError
from tests.hostile.kinds import KINDS, Kind
from tests.hostile.mutations import damaged

#: Such files take far less than a second: ten are no matter of the machine, or of measuring coverage.
SECONDS = 10.0

MEGABYTES = 200

#: More than a message needs, and less than a screen.
MOST_MESSAGE = 2_000

#: Where the processor never comes back to Python, the whole process ends.
_SECONDS_IN_C = 60

_CALLS = {"os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pickle.find_class"}


class Broken(BaseException):
    """A promise is broken; no handler of this package catches it."""


def forbid_calls(event: str, arguments: Any) -> None:
    if event in _CALLS:
        raise Broken(f"{event} of {arguments}")


def too_long(*_: object) -> None:
    raise Broken(f"more than {SECONDS} seconds")


def peak() -> float:
    """Give the most memory that this process has held since the last `forget_peak`, in MB.

    What `resource` tells begins with the memory of the process that started this one.
    """
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def outcome(kind: Kind, path: Path) -> str:
    """Give a line that tells what became of a file."""
    try:
        return read_once(kind, path) or "good"
    except Broken as error:
        return f"broken: {error}"


def read_once(kind: Kind, path: Path) -> str | None:
    """Read a file and give the message if it was refused; raises `Broken` where that took too long or too much."""
    forget_peak()
    before = peak()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        kind.read(path)
        refused = None
    except OodmlError as error:
        refused = str(error).replace("\n", " ")
        if len(refused) > MOST_MESSAGE:
            raise Broken(f"a message of {len(refused)} characters") from error
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {str(error)[:500]}") from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if peak() - before > MEGABYTES:
        raise Broken(f"{peak() - before:.0f} MB more")
    return refused


def fuzz(name: str, count: int, seed: int, folder: Path) -> int:
    """Read `count` damaged files and give the number of those that were good still."""
    kind = KINDS[name]
    path = folder / kind.file
    kind.make(folder)
    valid = path.read_bytes()
    good = 0
    for number in range(count):
        content = damaged(np.random.default_rng([seed, number]), valid, kind.shaped)
        path.write_bytes(content)
        faulthandler.dump_traceback_later(_SECONDS_IN_C, exit=True)
        try:
            good += read_once(kind, path) is None
        except Broken:
            kept = folder / f"broken-{name}-{seed}-{number}{path.suffix}"
            kept.write_bytes(content)
            print(f"{kept}: file {number} of seed {seed}", file=sys.stderr)
            raise
    faulthandler.cancel_dump_traceback_later()
    return good


def watch() -> None:
    """Set the limits of this process."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, too_long)
    sys.addaudithook(forbid_calls)
    # A bomb must not fill the machine before it is noticed.
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4 * 2**30, used + 4 * 2**30))


def warm_up(kind: Kind) -> None:
    """Import whatever reading a file of a kind imports."""
    with tempfile.TemporaryDirectory() as folder:
        kind.make(Path(folder))
        kind.read(Path(folder) / kind.file)


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    warm_up(KINDS[name])
    watch()
    if len(rest) == 3 and rest[0].isdecimal():
        print(fuzz(name, int(rest[0]), int(rest[1]), Path(rest[2])))
    else:
        print("\n".join(outcome(KINDS[name], Path(file)) for file in rest))
