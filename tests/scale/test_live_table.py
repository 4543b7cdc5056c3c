from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from oodml_bench.scale.live_table import Status, live_table, table_of


def shown(statuses: dict[str, Status], rows: int) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    console.print(table_of(statuses, lambda name: f"{len(name)} of 40", rows))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


STATUSES = {
    "a-1-0": Status("finished", "one"),
    "b-1-0": Status("waiting"),
    "c-1-0": Status("running", "two"),
    "d-1-0": Status("failed", "one", "the loss is not finite"),
    "e-1-0": Status("held", "one", "in use"),
}


def test_a_row_a_run_those_that_run_or_failed_first() -> None:
    lines = shown(STATUSES, 10)
    assert [line.split()[0] for line in lines[1:-1]] == ["c-1-0", "d-1-0", "e-1-0", "b-1-0", "a-1-0"]
    assert lines[1].split() == ["c-1-0", "running", "two", "5", "of", "40"]
    assert "failed: the loss is not finite" in lines[2]
    assert lines[-1] == "5 runs: 1 running, 1 failed, 1 held, 1 waiting, 1 finished"


def test_what_does_not_fit_is_counted_only_and_not_asked_about() -> None:
    many = {f"run-{number}": Status("running", "one") for number in range(500)}
    lines = shown(many, 7)
    assert len(lines) == 1 + 7 + 1
    assert lines[-1] == "500 runs: 500 running"


def test_long_or_harmful_text_stays_on_its_line() -> None:
    lines = shown({"n\x1b[2J\nm [bold]x": Status("failed", "one", "word " * 100)}, 3)
    assert len(lines) == 3
    assert "n\\x1b[2J\\nm [bold]x" in lines[1]
    assert "\x1b" not in "".join(lines)


def test_lines_without_a_terminal_tell_of_changes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with live_table(lambda _: "1 of 2") as show:
        show({"a": Status("waiting"), "b": Status("waiting")})
        show({"a": Status("running", "one"), "b": Status("waiting")})
        show({"a": Status("running", "one"), "b": Status("waiting")})
        # Its machine was lost.
        show({"a": Status("running", "two"), "b": Status("failed", "one", "odd\n\x1b[2J")})
        show({"a": Status("finished", "two"), "b": Status("failed", "one", "odd\n\x1b[2J")})
    assert capsys.readouterr().err.splitlines() == [
        "a: running on one",
        "a: running on two",
        "b: failed: odd\\n\\x1b[2J",
        "a: finished",
    ]


def test_a_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with live_table(lambda _: "3 of 40") as show:
        show(STATUSES)
    assert "3 of 40" in terminal.getvalue()
    assert "5 runs:" in terminal.getvalue()


def test_nothing_is_shown_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with live_table(lambda _: "", shown=False) as show:
        show(STATUSES)
    assert capsys.readouterr().err == ""
