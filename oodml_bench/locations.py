"""Where files lie: on this machine, or at a URL such as `s3://bucket/features`.

A path at a URL is a `upath.UPath`. It is called a `pathlib.Path` in signatures, since it has those of its methods that
are used here: to read, to list, and to name what lies beside or below. Writing goes through `oodml_bench.output`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from oodml_bench.errors import InputError, MissingExtraError, StorageError

#: Protocol → the extra that it needs. All of them show a file whole or not at all, which outputs rely on.
_EXTRAS: Mapping[str, str] = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "memory": "s3"}

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)

#: Listings are not kept, since other processes write there too.
_OPTIONS = {"use_listings_cache": False}

#: What to do when storage fails in the middle of work.
CONTINUE = "Check the credentials and the network. What is finished is kept: run the same command again to continue."

#: Packages whose errors tell that storage could not be reached.
_STORAGE_PACKAGES = frozenset({"aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "s3fs"})


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
        Where a URL has another protocol.
    MissingExtraError
        Where the package for a protocol is not installed.
    StorageError
        Where the storage cannot be reached, or refuses.
    """
    if not isinstance(place, str):
        return place
    url = _URL.fullmatch(place)
    return Path(place) if url is None else _remote(url[1].lower(), url[2])


def is_url(text: str) -> bool:
    """Tell whether a text is a URL, of whatever protocol."""
    return _URL.fullmatch(text) is not None


def is_remote(path: Path) -> bool:
    """Tell whether a path is at a URL."""
    return not isinstance(path, Path)


def absolute(path: Path) -> Path:
    """Give a path that means the same in every working directory."""
    return path if is_remote(path) else path.absolute()


def reason_of(error: BaseException) -> str:
    """Give what a package that speaks to storage says is wrong, as the middle of a sentence."""
    return f"{type(error).__name__}: {error}".rstrip(".")


def storage_failure(error: BaseException) -> StorageError | None:
    """Give what an error of a package that speaks to storage means, None for other errors."""
    if type(error).__module__.partition(".")[0] not in _STORAGE_PACKAGES:
        return None
    return StorageError(f"the storage could not be reached, or refused: {reason_of(error)}. {CONTINUE}")


def _remote(protocol: str, rest: str) -> Path:
    if protocol not in _EXTRAS:
        raise InputError(
            f"files at {protocol}:// cannot be used; allowed: {', '.join(f'{name}://' for name in _EXTRAS)}, and paths "
            "of this machine"
        )
    url = f"{protocol}://{rest.rstrip('/')}"
    try:
        import upath

        make: Any = upath.UPath
        path = make(url, **_OPTIONS)
        storage = path.fs
    except ImportError as error:
        raise MissingExtraError(
            f'{url} needs a package that is missing: pip install "oodml-bench[{_EXTRAS[protocol]}]"'
        ) from error
    try:
        storage.info(path.path)
    except FileNotFoundError:
        pass
    except Exception as error:  # those of a dozen packages
        raise StorageError(
            f"cannot reach {url}: {reason_of(error)}. Check the address, the credentials and the network."
        ) from error
    return cast("Path", path)
