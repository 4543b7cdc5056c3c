"""Commands, called in this process."""

from __future__ import annotations

from click.testing import CliRunner

from oodml_bench.cli import main


def called(*arguments: object) -> str:
    """Call a command that has to succeed; give what it prints on standard output."""
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout
