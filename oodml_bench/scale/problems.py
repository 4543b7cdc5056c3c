"""Errors that travel between processes as text: Ray wraps an exception, and stops everything around it."""

from __future__ import annotations

import json
from typing import NoReturn

from oodml_bench import errors
from oodml_bench.errors import OodmlError


def problem_of(error: OodmlError) -> str:
    """Give an error of this package as text."""
    return json.dumps([type(error).__name__, *map(str, error.args)])


def raise_problem(problem: str) -> NoReturn:
    """Raise the error that `problem_of` was given."""
    kind, *lines = json.loads(problem)
    raise getattr(errors, kind)(*lines)
