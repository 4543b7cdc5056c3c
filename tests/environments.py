"""The environment of processes that tests start."""

import os


def without_coverage(**variables: str) -> dict[str, str]:
    """Give this process's environment and some variables, where coverage is not to be measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")} | variables
