"""The load: an OS process of its own that sends ready-made requests as fast as they are answered.

Run as ``python -m seriatim.gateway.bench.load HOST PORT CONNECTIONS FIRST COUNT FILE``. FILE holds
requests, each after its length in 4 bytes, little-endian; COUNT of them are sent from number
FIRST on, in a circle where the file ends before. Each connection has one request under way.
Prints one JSON object: ``elapsed_ns``, ``latencies_ns``, ``statuses``, ``received_bytes``.

A client library would take more of the machine than what is measured, so this speaks just as
much HTTP as the answers of aiohttp need. It is the same one for a figure and for its ceiling.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final, cast

import orjson

from seriatim.formats.errors import MalformedError

LENGTH_BYTES: Final = 4
_HEAD_END: Final = b"\r\n\r\n"
_CHUNKS_END: Final = b"0\r\n\r\n"
_STATUS: Final = slice(9, 12)


class LoadRun:
    """One run: the requests that are left, and what came back so far."""

    def __init__(self, requests: Iterator[bytes], connections: int) -> None:
        """Send *requests* over *connections*, which are to be made next."""
        self.requests = requests
        self.statuses: Counter[str] = Counter()
        self.latencies_ns: list[int] = []
        self.received_bytes = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = connections

    def connection_done(self) -> None:
        """Learn that a connection has no request left."""
        self._open -= 1
        if not self._open and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, what: str) -> None:
        """End the run: its figures mean nothing any more."""
        if not self.finished.done():
            self.finished.set_exception(MalformedError(what, code="bad_answer"))


class LoadConnection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, run: LoadRun) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._sent_ns = 0
        self._head = b""
        self._left_bytes = 0
        self._is_chunked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; `send_next` starts the work."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection stays until the run ends."""
        self._run.fail(f"the server closed a connection: {exc}")

    def send_next(self) -> None:
        """Send the next request, or say that there is none."""
        request = next(self._run.requests, None)
        if request is None:
            self._run.connection_done()
            return
        assert self._transport is not None, "connected before the run starts"
        self._sent_ns = perf_counter_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; after its last one comes the next request."""
        self._run.received_bytes += len(data)
        if self._left_bytes:
            self._left_bytes -= len(data)
            is_whole = not self._left_bytes
        elif self._is_chunked:
            # A small tail is kept, in case that the end comes in two parts.
            self._head = (self._head + data)[-len(_CHUNKS_END) :]
            is_whole = self._head == _CHUNKS_END
        else:
            is_whole = self._read_head(data)
        if is_whole:
            self._finish_answer()

    def _read_head(self, data: bytes) -> bool:
        """Take a part of the head; tell whether the answer is whole with it."""
        self._head += data
        end = self._head.find(_HEAD_END)
        if end < 0:
            return False
        self._run.statuses[self._head[_STATUS].decode("latin-1")] += 1
        length = content_length(self._head[:end])
        if length is None:
            self._is_chunked = True
            self._head = self._head[end + len(_HEAD_END) :][-len(_CHUNKS_END) :]
            return self._head == _CHUNKS_END
        self._left_bytes = length - (len(self._head) - end - len(_HEAD_END))
        return not self._left_bytes

    def _finish_answer(self) -> None:
        self._run.latencies_ns.append(perf_counter_ns() - self._sent_ns)
        self._head = b""
        self._is_chunked = False
        self.send_next()


def content_length(head: bytes) -> int | None:
    """Return the length that *head* names, or ``None`` for a body in chunks.

    Raises:
        MalformedError: it says neither.
    """
    lowered = head.lower()
    _, found, rest = lowered.partition(b"\r\ncontent-length:")
    if found:
        return int(rest.partition(b"\r\n")[0])
    if b"\r\ntransfer-encoding: chunked" in lowered:
        return None
    raise MalformedError("an answer does not say where it ends", code="bad_answer")


def pack_requests(requests: Iterable[bytes]) -> bytes:
    """Return *requests* as the load's file holds them."""
    return b"".join(len(request).to_bytes(LENGTH_BYTES, "little") + request for request in requests)


def unpack_requests(packed: bytes) -> list[bytes]:
    """Return the requests in *packed*."""
    requests = []
    at = 0
    while at < len(packed):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(packed[at:start], "little")
        requests.append(packed[start:at])
    return requests


async def run_load(
    host: str, port: int, connections: int, requests: Iterator[bytes]
) -> dict[str, Any]:
    """Send *requests* over *connections*; return what the module's text says.

    Raises:
        MalformedError: an answer could not be read, or a connection was closed.
        OSError: the server cannot be reached.
    """
    loop = asyncio.get_running_loop()
    run = LoadRun(requests, connections)
    protocols = [
        (await loop.create_connection(lambda: LoadConnection(run), host, port))[1]
        for _ in range(connections)
    ]
    gc.collect()
    gc.disable()
    started_ns = perf_counter_ns()
    for protocol in protocols:
        protocol.send_next()
    await run.finished
    return {
        "elapsed_ns": perf_counter_ns() - started_ns,
        "latencies_ns": run.latencies_ns,
        "statuses": run.statuses,
        "received_bytes": run.received_bytes,
    }


def main(arguments: list[str]) -> None:
    """Run the load of the command line."""
    import uvloop  # noqa: PLC0415  # only this OS process needs a loop of its own

    host, port, connections, first, count, file = arguments
    requests = unpack_requests(Path(file).read_bytes())
    chosen = islice(cycle(requests), int(first), int(first) + int(count))
    found = uvloop.run(run_load(host, int(port), int(connections), chosen))
    sys.stdout.buffer.write(orjson.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
