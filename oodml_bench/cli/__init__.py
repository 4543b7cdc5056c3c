"""The command line, one file a group of commands.

Each command imports what it needs when it runs, so that `--help` answers at once.
"""

from oodml_bench.cli.main import main

__all__ = ["main"]
