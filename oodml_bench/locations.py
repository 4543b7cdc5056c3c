"""Where files lie: on this machine, or at a URL such as `s3://bucket/features`.

What lies at a URL is called a `pathlib.Path` in signatures, and is an `oodml_bench.remote.RemotePath`: it has those
methods that are used here, to read, to list, and to name what lies beside or below. `oodml_bench.output` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from oodml_bench.errors import InputError
from oodml_bench.remote import RemotePath
from oodml_bench.temporary import temporary_folder

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)


def location(place: Path | str) -> Path:
    """Give the path that a text stands for; a URL is tried once, so that a mistake in it is found before any work.

    Parameters
    ----------
    place
        A path on this machine, or a URL: `s3://bucket/key` (also `s3a://`), `gs://bucket/key` (also `gcs://`), or
        `memory://name`, which lies in the memory of this process. What is a path already is given back.

    Raises
    ------
    InputError
        Where a URL has another protocol, or is no path.
    MissingExtraError
        Where the package for a protocol is not installed.
    StorageError
        Where the storage cannot be reached, or refuses.
    """
    if not isinstance(place, str):
        return place
    url = _URL.fullmatch(place)
    if url is None:
        return Path(place)
    path: Any = RemotePath.parse(url[1].lower(), url[2])
    path.exists()
    return cast("Path", path)


def absolute(place: Path | str) -> str:
    """Give the text of a place that means the same in every working directory; a URL is not tried."""
    return str(place) if is_url(str(place)) else str(Path(place).absolute())


def is_url(text: str) -> bool:
    """Tell whether a text is a URL, of whatever protocol."""
    return _URL.fullmatch(text) is not None


def remote(path: Path) -> RemotePath | None:
    """Give what lies at a URL as that, and None for a path of this machine."""
    place: Any = path
    return place if isinstance(place, RemotePath) else None


def check_shared(path: Path) -> None:
    """Raise `InputError` where only this process can see a path."""
    place = remote(path)
    if place is not None and place.protocol == "memory":
        raise InputError(f"{path} lies in the memory of this process, and other machines cannot see it: choose another")


@contextmanager
def local_copy(path: Path) -> Iterator[Path]:
    """Give a file of this machine that has the content of a file: itself, or what is fetched from its URL meanwhile.

    Raises
    ------
    StorageError
        Where it cannot be fetched.
    FileNotFoundError
        Where it is not there.
    """
    place = remote(path)
    if place is None:
        yield path
        return
    with temporary_folder() as folder:
        copy = folder / place.name
        place.fetch(copy)
        yield copy
