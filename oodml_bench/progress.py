"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from oodml_bench.printing import printable

#: Seconds between two plain lines where there is no terminal.
PLAIN_LINE_INTERVAL = 10.0

Advance = Callable[[int], None]


@contextmanager
def progress_of(description: str, total: int | None, *, shown: bool = True) -> Iterator[Advance]:
    """Give a function that reports `n` more units done, of `total` where that is known.

    Written to standard error, so that output can be piped. With `shown` off nothing is written.
    """
    if not shown:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(description, total) as advance:
            yield advance
    else:
        with _plain_lines(description, total) as advance:
            yield advance


@contextmanager
def working_on(description: str, *, shown: bool = True) -> Iterator[None]:
    """Say what is going on while the block runs, where there is nothing to count."""
    if not shown:
        yield
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status(Text(printable(description))):
            yield
    else:
        print(f"{printable(description)} …", file=sys.stderr, flush=True)
        yield


@contextmanager
def _bar(description: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(printable(description), total=total)
        yield lambda units: bar.advance(task, units)


@contextmanager
def _plain_lines(description: str, total: int | None) -> Iterator[Advance]:
    done = 0
    description = printable(description)
    last_line = time.monotonic()
    of_total = "" if total is None else f" of {total}"

    def advance(units: int) -> None:
        nonlocal done, last_line
        done += units
        now = time.monotonic()
        if now - last_line >= PLAIN_LINE_INTERVAL:
            last_line = now
            print(f"{description}: {done}{of_total}", file=sys.stderr, flush=True)

    yield advance
    print(f"{description}: {done}{of_total}", file=sys.stderr, flush=True)
