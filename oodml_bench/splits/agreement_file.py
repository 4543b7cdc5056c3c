"""An agreement as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict

from oodml_bench import __version__
from oodml_bench.splits.agreement import Agreement


def agreement_bytes(agreement: Agreement) -> bytes:
    """Write an agreement as JSON: its attributes by name, undefined ones as null, and the version of this package."""
    document = {"tool_version": __version__, **asdict(agreement)}
    return (json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
