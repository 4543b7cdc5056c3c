"""Showing how the runs of a sweep are getting on, wherever they run: a table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from oodml_bench.printing import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

State = Literal["running", "failed", "held", "waiting", "finished"]

#: Those that a person wants to see come first, where a terminal has not enough lines for all.
_BY_INTEREST: tuple[State, ...] = ("running", "failed", "held", "waiting", "finished")

#: Lines of a terminal that are kept for the head of the table, the sum below it and the prompt.
_KEPT_LINES = 6


@dataclass(frozen=True)
class Status:
    """Where a run stands.

    Attributes
    ----------
    state
        `held`: another process was at it.
    node
        The machine it is or was on; empty: it has not begun.
    reason
        Why it failed, or who holds it.
    """

    state: State
    node: str = ""
    reason: str = ""


Show = Callable[[Mapping[str, Status]], None]


@contextmanager
def live_table(epoch_of: Callable[[str], str], *, shown: bool = True) -> Iterator[Show]:
    """Give a function that shows the statuses of the runs, by their names.

    Written to standard error, so that output can be piped.

    Parameters
    ----------
    epoch_of
        Says how far a running run is, as `3 of 40`; asked for runs that stand in the table alone.
    shown
        Off: nothing is written.
    """
    if not shown:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _live(epoch_of) as show:
            yield show
    else:
        yield _PlainLines().show


@contextmanager
def _live(epoch_of: Callable[[str], str]) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False) as live:
        yield lambda statuses: live.update(
            table_of(statuses, epoch_of, max(1, console.size.height - _KEPT_LINES)), refresh=True
        )


def table_of(statuses: Mapping[str, Status], epoch_of: Callable[[str], str], rows: int) -> RenderableType:
    """Give the table of at most so many runs, and a line that counts all of them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table("run", "state", "node", "epoch", box=None)
    ordered = sorted(statuses.items(), key=lambda item: _BY_INTEREST.index(item[1].state))
    for name, status in ordered[:rows]:
        epoch = epoch_of(name) if status.state == "running" else ""
        told = status.state if not status.reason else f"{status.state}: {status.reason}"
        # Text, since a name may look like markup; cut, since a row is a line.
        cells = [Text(printable(cell), no_wrap=True, overflow="ellipsis") for cell in (name, told, status.node, epoch)]
        table.add_row(*cells)
    return Group(table, Text(_sum_of(statuses)))


def _sum_of(statuses: Mapping[str, Status]) -> str:
    counts = Counter(status.state for status in statuses.values())
    return f"{len(statuses)} runs: " + ", ".join(f"{counts[state]} {state}" for state in _BY_INTEREST if counts[state])


class _PlainLines:
    """Prints a line where a run begins, moves to another machine or ends."""

    def __init__(self) -> None:
        self._before: dict[str, Status] = {}

    def show(self, statuses: Mapping[str, Status]) -> None:
        for name, status in statuses.items():
            before = self._before.get(name)
            self._before[name] = status
            # That all runs wait at first is no news.
            if status != before and not (before is None and status.state == "waiting"):
                print(printable(f"{name}: {_told(status)}"), file=sys.stderr, flush=True)


def _told(status: Status) -> str:
    if status.reason:
        return f"{status.state}: {status.reason}"
    return f"{status.state} on {status.node}" if status.state == "running" else status.state
