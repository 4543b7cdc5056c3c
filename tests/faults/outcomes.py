"""What work has left in a folder, in a form that compares equal where it should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

#: Says how fast a machine was.
_CLOCK = "images_per_second"


def outcome(folder: Path) -> dict[str, Any]:
    """Read every file in a folder and below; what is not whole raises, whatever its reader raises.

    Of a pickle or a picture the bytes are given: those of an undisturbed run are whole.
    """
    return {path.relative_to(folder).as_posix(): _content(path) for path in files_in(folder)}


def named(folder: Path) -> dict[str, Any]:
    """Give the outcome without what a killed process may leave: files that have no name yet, and its lock."""
    whole = [path for path in files_in(folder) if not path.name.startswith((".unfinished-", ".lock"))]
    return {path.relative_to(folder).as_posix(): _content(path) for path in whole}


def files_in(folder: Path) -> list[Path]:
    """Give every file in a folder and below."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".parquet":
        pq.read_table(path, page_checksum_verification=True)
    elif path.suffix == ".jsonl":
        return [_plain(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    elif path.suffix == ".pt":
        return _plain(torch.load(path, weights_only=True))
    return path.read_bytes()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items() if name != _CLOCK}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.numpy().tobytes()
    return value
