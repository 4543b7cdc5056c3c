"""A real S3 server on this machine, and a connection to it that can be cut in the middle of an upload."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

import pytest

_HEADER_END = b"\r\n\r\n"

#: Bytes that are taken from a connection at once.
_PIECE = 16_384


class Connection:
    """Passes everything between clients and a server on; cuts or holds uploads when it is told to.

    Attributes
    ----------
    uploads
        How many objects or parts of objects have been begun to be written.
    cut_from
        The uploads, counted from 1, from which on each is cut when `passed` bytes of it have passed; 0: none is.
    hold
        Keep what would be cut waiting instead.
    passed
        Bytes of an upload's content: half a header would be taken for a request by this server.
    refusals
        How many requests have been refused.
    """

    def __init__(self, server_port: int) -> None:
        self.uploads = 0
        self.cut_from = 0
        self.hold = False
        self.passed = 20
        self.refusals = 0
        self._refused: tuple[str, ...] = ()
        self._answer = b""
        self.held = threading.Event()
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def whole(self) -> None:
        """Let everything pass from now on."""
        self.cut_from, self.hold, self._refused = 0, False, ()

    def refuse(self, status: str, *named: str) -> None:
        """Answer requests whose first line has these texts by a status, such as `403 Forbidden`; `""`: by nothing."""
        headers = "Content-Length: 0\r\nConnection: close\r\n\r\n"
        self._answer = f"HTTP/1.1 {status}\r\n{headers}".encode() if status else b""
        self._refused, self.refusals = named, 0

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        answers = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
        answers.start()
        with suppress(OSError):
            self._pass_requests(client, server)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pass_requests(self, client: socket.socket, server: socket.socket) -> None:
        left: int | None = None
        while piece := client.recv(_PIECE):
            if piece.startswith((b"PUT ", b"GET ", b"HEAD ", b"POST ", b"DELETE ")):
                if self._refuses(piece):
                    client.sendall(self._answer)
                    return
                left = self._left_of(piece)
            if left is not None and len(piece) > left:
                server.sendall(piece[:left])
                if self.hold:
                    self.held.set()
                    threading.Event().wait(600)
                return
            server.sendall(piece)
            left = None if left is None else left - len(piece)

    def _refuses(self, request: bytes) -> bool:
        line = unquote(request.partition(b"\r\n")[0].decode())
        refused = bool(self._refused) and all(text in line for text in self._refused)
        self.refusals += refused
        return refused

    def _left_of(self, request: bytes) -> int | None:
        """Give how many bytes of a request pass; None: all."""
        if not request.startswith(b"PUT "):
            return None
        self.uploads += 1
        header = request.index(_HEADER_END) + len(_HEADER_END)
        return header + self.passed if 0 < self.cut_from <= self.uploads else None


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)


@contextmanager
def served() -> Iterator[Connection]:
    """Start a server, and set the environment of this process and of those that it starts to it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    connection = Connection(port)
    variables = {
        "AWS_ENDPOINT_URL": connection.url,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        # What is cut is cut again at once; clients would wait for seconds in between.
        "AWS_MAX_ATTEMPTS": "1",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        yield connection
    connection.close()
    server.stop()


def storage() -> Any:
    """Give the server's content, with nothing kept from a look at it before."""
    import s3fs

    return s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)


def contents_at(url: str) -> dict[str, bytes]:
    """Give the content of every object below a URL, by its name there."""
    s3, root = storage(), url.removeprefix("s3://")
    return {key.removeprefix(f"{root}/"): s3.cat_file(key) for key in s3.find(root)}


def uploads_left_at(bucket: str) -> list[Any]:
    """Give the uploads in several parts that were begun and neither finished nor given up."""
    return storage().call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", [])
