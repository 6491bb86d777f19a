"""A bundler in a thread of the test: takes what is posted to ``/tx``, and remembers all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Upload(NamedTuple):
    """One request to the bundler, and what it answered."""

    path: str
    headers: Headers
    body: bytes
    status: int


Answer = Callable[[str, bytes], int]


class StubBundler:
    """Attributes:
    url: where it listens.
    answer: gives the status for a path and a body; 200 is an acknowledgement.
    headers: said with every answer.
    reply: the body of every answer.
    uploads: everything that came, in the order in which it was answered.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answer: Answer = lambda _path, _body: 200
        self.headers: dict[str, str] = {}
        self.reply = b""
        self.uploads: list[Upload] = []
        self.news = threading.Condition()

    def take(self, path: str, headers: Headers, body: bytes) -> int:
        """Answer one request with a status."""
        with self.news:
            status = self.answer(path, body)
            self.uploads.append(Upload(path, headers, body, status))
            self.news.notify_all()
        return status

    @property
    def acknowledged(self) -> list[bytes]:
        """The bodies that were taken."""
        return [each.body for each in self.uploads if each.status == 200]

    def wait_until(self, is_enough: Callable[[], bool], *, deadline_s: float = 60) -> bool:
        """Return when *is_enough*, or that it was not."""
        with self.news:
            return self.news.wait_for(is_enough, deadline_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: StubBundler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.stub.take(self.path, self.headers, body)
        self.send_response(status)
        stub = self.server.stub
        for name, value in {"content-length": str(len(stub.reply)), **stub.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # nobody has to read all of it
            self.wfile.write(stub.reply)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # theirs
        """Say nothing."""


@contextmanager
def stub_bundler() -> Iterator[StubBundler]:
    """Run a bundler on loopback until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stub = StubBundler(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
