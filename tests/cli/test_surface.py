"""The surface of the command line: a change to it is a change to what users type."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from oodml_bench.cli import main

SNAPSHOT = Path(__file__).parent / "surface.txt"


def commands(command=main, path=("oodml-bench",)):
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


def surface():
    for path, command in commands():
        parameters = []
        for parameter in command.params:
            name = "/".join(parameter.opts) if isinstance(parameter, click.Option) else parameter.human_readable_name
            default = (
                ""
                if parameter.default is None or parameter.default is False or parameter.required
                else f"={parameter.default}"
            )
            # Click before 8.3 and since mark a missing default in different ways.
            parameters.append(name + ("" if "Sentinel" in default else default))
        yield " ".join([*path, *parameters])


def test_commands_and_options_are_those_of_the_snapshot():
    assert "\n".join(surface()) + "\n" == SNAPSHOT.read_text()


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_help_shows_an_example(path, command):
    text = command.get_help(click.Context(command, info_name=path[-1]))
    assert "xample:" in text or "Try it" in text
    # On a line of its own, to be copied.
    assert re.search(r"^ +oodml-bench [\w-]+ [^\n]+$", text, re.MULTILINE)
    assert "\\b" not in text


def test_help_loads_nothing_heavy():
    program = """
import sys
from oodml_bench.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
heavy = {"torch", "numpy", "scipy", "pyarrow", "pydantic", "matplotlib", "PIL", "timm", "rich"} & set(sys.modules)
sys.exit(f"loaded: {sorted(heavy)}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "extract" in done.stdout
