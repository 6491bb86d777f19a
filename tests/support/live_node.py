"""A real node in an OS process of its own, for tests that speak to it as strangers do."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message as Headers
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson

COMMAND: Final = (sys.executable, "-m", "seriatim")
REPLY_DEADLINE_S: Final = 30
STOP_DEADLINE_S: Final = 30


@dataclass(frozen=True, slots=True)
class Reply:
    """What a node answered."""

    status: int
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """Return the body, which has to be JSON."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class LiveNode:
    """A node that serves *url* with the wallet *address* from the folder *data*."""

    url: str
    address: str
    pid: int
    data: Path
    child: subprocess.Popen[bytes] = field(repr=False)

    def get(self, path: str, **query: object) -> Reply:
        """Return the reply to a GET; underscores in *query* are hyphens on the wire."""
        return self._request(path, query, body=None, headers={})

    def post(
        self,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Reply:
        """Return the reply to a POST of *body*, by default as ``application/octet-stream``."""
        sent = {"content-type": "application/octet-stream"} | dict(headers or {})
        return self._request(path, query, body=body, headers=sent)

    def _request(
        self,
        path: str,
        query: Mapping[str, object],
        *,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in query.items()}
        url = f"{self.url}{path}" + (f"?{urlencode(named)}" if named else "")
        request = urllib.request.Request(url, data=body, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=REPLY_DEADLINE_S) as reply:
                return Reply(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())


@contextmanager
def live_node(data: Path, *flags: str, ends_with: int = 0) -> Iterator[LiveNode]:
    """Run ``seriatim serve`` on *data* until the block ends; its exit status is *ends_with*."""
    data.mkdir(parents=True, exist_ok=True)
    errors = data.with_name(f"{data.name}.stderr")
    with errors.open("wb") as stderr:
        child = subprocess.Popen(
            [*COMMAND, "serve", "--data", str(data), "--port", "0", "--json", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    assert child.stdout is not None
    with child, child.stdout:
        try:
            ready = child.stdout.readline()
            assert ready, f"the node did not start: {errors.read_text()}"
            said = orjson.loads(ready)
            yield LiveNode(said["url"], said["address"], said["pid"], data, child)
            child.send_signal(signal.SIGTERM)
            status = child.wait(STOP_DEADLINE_S)
            assert status == ends_with, f"the node ended with {status}: {errors.read_text()}"
        finally:
            child.kill()
