"""Progress where there is no terminal."""

from oodml_bench import progress


def test_plain_lines_are_rare_and_the_last_one_is_there(capsys, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress_of("Counting", 20) as advance:
        for _ in range(20):
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Counting: 3 of 20"
    assert lines[-1] == "Counting: 20 of 20"
    assert len(lines) == 7


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.progress_of("Counting", None) as advance:
        advance(3)
    assert "Counting" in capsys.readouterr().err


def test_hidden_progress_says_nothing(capsys):
    with progress.progress_of("Counting", 3, shown=False) as advance:
        advance(3)
    assert capsys.readouterr().err == ""


def test_work_without_a_count_says_what_it_is(capsys):
    with progress.working_on("Thinking"):
        pass
    with progress.working_on("Hiding", shown=False):
        pass
    assert capsys.readouterr().err == "Thinking …\n"


def test_work_without_a_count_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    with progress.working_on("Thinking"):
        pass
    assert "…" not in capsys.readouterr().err


HOSTILE = "\x1b[2J\rScoring\n\u202e[red]x"
SHOWN = "\\x1b[2J\\rScoring\\n\\u202e[red]x"


def test_plain_lines_of_hostile_names_stay_lines(capsys):
    with progress.progress_of(HOSTILE, 1) as advance, progress.working_on(HOSTILE):
        advance(1)
    assert capsys.readouterr().err == f"{SHOWN} …\n{SHOWN}: 1 of 1\n"


def test_hostile_names_on_a_terminal_are_text(monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with progress.progress_of(HOSTILE, 1) as advance:
        advance(1)
    with progress.working_on(HOSTILE):
        pass
    err = capsys.readouterr().err
    assert err.count(SHOWN) >= 2
    assert "[2J" not in err.replace(SHOWN, "")
    assert "\u202e" not in err
