from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.storage.s3_server import Connection, served, storage

_numbers = count()


@pytest.fixture(scope="session")
def _server() -> Iterator[Connection]:
    pytest.importorskip("s3fs")
    with served() as connection:
        yield connection


@pytest.fixture
def connection(_server: Connection) -> Iterator[Connection]:
    """Give the connection to an S3 server, which passes everything on unless it is told otherwise."""
    yield _server
    _server.whole()


@pytest.fixture
def bucket(connection: Connection) -> str:  # noqa: ARG001 (it is the server's)
    """Give the URL of an empty bucket."""
    name = f"bucket-{next(_numbers)}"
    storage().mkdir(name)
    return f"s3://{name}"
