"""Paths of files in object storage, with those of the methods of `pathlib.Path` that are used here.

Unlike other such classes this one never takes storage that fails for a file that is not there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from oodml_bench.errors import InputError, MissingExtraError, OutputError, StorageError

#: Protocol → the extra that it needs.
EXTRAS: Mapping[str, str | None] = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "memory": None}

#: Listings are not kept, since other processes write there too.
_OPTIONS = {"use_listings_cache": False}

_ADVICE = "Check the credentials and the network. What is finished is kept: run the same command again to continue."


class RemoteStat(NamedTuple):
    """What is told of a file: its length in bytes."""

    st_size: int


@dataclass(frozen=True, order=True)
class RemotePath:
    """A file or folder at a URL. It holds no connection, so that it can be sent to other processes.

    Whatever asks the storage raises `StorageError` where that cannot be reached or refuses.

    Attributes
    ----------
    protocol
        One of `EXTRAS`.
    parts
        The bucket, and the names that lead on from there.
    """

    protocol: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, protocol: str, rest: str) -> RemotePath:
        """Give the path of a URL, `protocol://rest`.

        Raises
        ------
        InputError
            Where the protocol is another, or the rest is no path.
        """
        if protocol not in EXTRAS:
            raise InputError(
                f"files at {protocol}:// cannot be used; allowed: {', '.join(f'{name}://' for name in EXTRAS)}, and "
                "paths of this machine"
            )
        parts = tuple(rest.rstrip("/").split("/"))
        if "::" in rest or not {"", ".", ".."}.isdisjoint(parts):
            raise InputError(f"{protocol}://{rest} is no path; write {protocol}://BUCKET/NAME/NAME")
        return cls(protocol, parts)

    def __str__(self) -> str:
        return f"{self.protocol}://{self.key}"

    def __truediv__(self, below: str) -> RemotePath:
        return RemotePath(self.protocol, (*self.parts, *below.split("/")))

    @property
    def key(self) -> str:
        """The name by which the storage knows it: the bucket, and the object's key."""
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """The last part."""
        return self.parts[-1]

    @property
    def stem(self) -> str:
        """The last part, without its suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """What the last part ends with, from its last dot on."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        """The folder that it lies in; of a bucket, itself."""
        return RemotePath(self.protocol, self.parts[:-1] or self.parts)

    def with_name(self, name: str) -> RemotePath:
        """Give what has another name, in the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> RemotePath:
        """Give what has another suffix."""
        return self.with_name(PurePosixPath(self.name).with_suffix(suffix).name)

    def relative_to(self, folder: RemotePath) -> PurePosixPath:
        """Give the names that lead here from a folder above."""
        return PurePosixPath(*self.parts).relative_to(PurePosixPath(*folder.parts))

    def absolute(self) -> RemotePath:
        """Give itself."""
        return self

    def exists(self) -> bool:
        """Tell whether there is a file, or a file below."""
        return self._info() is not None

    def is_file(self) -> bool:
        """Tell whether there is a file."""
        info = self._info()
        return info is not None and info["type"] == "file"

    def is_dir(self) -> bool:
        """Tell whether there is a file below."""
        info = self._info()
        return info is not None and info["type"] == "directory"

    def stat(self) -> RemoteStat:
        """Give the length of a file; raises `FileNotFoundError` where there is none."""
        with self._asking() as storage:
            return RemoteStat(storage.info(self.key)["size"])

    def iterdir(self) -> Iterator[RemotePath]:
        """Give what lies in a folder."""
        with self._asking() as storage:
            found = storage.ls(self.key, detail=False)
        # Some tools keep a folder by an object of its name, without content.
        names = (name.strip("/").rpartition("/")[2] for name in found if name.strip("/") != self.key)
        return (self / name for name in sorted(names))

    def files_below(self) -> list[str]:
        """Give the names of all files below, `/`-separated and relative to this folder, sorted."""
        with self._asking() as storage:
            found = storage.find(self.key)
        names = (name.lstrip("/").removeprefix(self.key).removeprefix("/") for name in found)
        return sorted(name for name in names if name and not name.endswith("/"))

    def rglob(self, name: str) -> Iterator[RemotePath]:
        """Give the files of one name, without wildcards, in this folder and below."""
        return (self / found for found in self.files_below() if found.rpartition("/")[2] == name)

    def read_bytes(self) -> bytes:
        """Give the content of a file; raises `FileNotFoundError` where there is none."""
        with self._asking() as storage:
            content: bytes = storage.cat_file(self.key)
        return content

    def read_text(self, encoding: str) -> str:
        """Give the content of a file of text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str) -> IO[bytes]:
        """Open a file to read bytes. It is fetched at once: failing to get it is not failing to understand it."""
        if mode != "rb":
            raise ValueError(f"what lies at a URL is opened for reading bytes, not {mode!r}")
        return io.BytesIO(self.read_bytes())

    def fetch(self, file: Path) -> None:
        """Copy the content to a file of this machine."""
        with self._asking() as storage:
            storage.get_file(self.key, str(file))

    def upload(self, file: Path) -> None:
        """Replace the content by that of a file of this machine; it is shown when all of it is there.

        Raises
        ------
        OutputError
            Where the storage cannot be reached, or refuses.
        """
        with self._writing() as storage:
            storage.put_file(str(file), self.key)

    def try_writing(self, name: str) -> None:
        """Write an empty file of this name beside it and remove it; raises as `upload` does."""
        probe = self.with_name(name).key
        with self._writing() as storage:
            storage.pipe_file(probe, b"")
            storage.rm_file(probe)

    def _info(self) -> dict[str, Any] | None:
        try:
            with self._asking() as storage:
                info: dict[str, Any] = storage.info(self.key)
        except FileNotFoundError:
            return None
        return info

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        try:
            yield self._storage()
        except (FileNotFoundError, MissingExtraError):
            raise
        except Exception as error:  # those of a dozen packages
            raise StorageError(f"cannot reach {self}: {_reason(error)}. {_ADVICE}") from error

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        try:
            yield self._storage()
        except Exception as error:  # those of a dozen packages
            raise OutputError(
                f"cannot write {self}: {_reason(error)}. Check that the bucket exists and may be written. {_ADVICE}"
            ) from error

    def _storage(self) -> Any:
        """Give the fsspec file system, which keeps its connections for each process by itself."""
        import fsspec

        try:
            return fsspec.filesystem(self.protocol, **_OPTIONS)
        except ImportError as error:
            raise MissingExtraError(
                f'{self} needs a package that is missing: pip install "oodml-bench[{EXTRAS[self.protocol]}]"'
            ) from error


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")
