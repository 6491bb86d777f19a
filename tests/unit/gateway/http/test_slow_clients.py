"""Clients that drip: each connection is bounded in time, whatever it sends and how slowly.

Sockets are real, time is not: the loop's clock is moved by hand.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from seriatim.formats.limits import (
    BODY_MAX_BYTES,
    BODY_READ_GRACE_MS,
    BODY_READ_MIN_BYTES_PER_S,
    HTTP_LINGER_MS,
    KEEPALIVE_MS,
    REPLY_PIECE_BYTES,
    REPLY_SEND_GRACE_MS,
    REPLY_SEND_MIN_BYTES_PER_S,
)
from seriatim.gateway.http.reply import reply_json
from seriatim.gateway.http.server import HttpServer
from seriatim.gateway.http.stream import send_stream
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet


class ManualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be moved ahead."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self._ahead_s

    async def pass_time(self, seconds: float) -> None:
        """Let *seconds* pass at once, and everybody whose time has come take a turn."""
        self._ahead_s += seconds
        for _ in range(5):
            await asyncio.sleep(0)


class Slow:
    """A client that chooses when each of its bytes is sent."""

    def __init__(
        self, loop: ManualLoop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._loop = loop
        self.reader = reader
        self._writer = writer

    async def send(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    async def drip(self, raw: bytes, *, seconds: float, size: int = 1) -> None:
        """Send *raw*, *size* bytes at a time, over *seconds*."""
        for first in range(0, len(raw), size):
            await self.send(raw[first : first + size])
            await self._loop.pass_time(seconds * size / len(raw))

    async def reply(self) -> tuple[bytes, bytes]:
        """Return the head and the body of a reply that names its length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        return head, await self.reader.readexactly(int(length))

    async def is_closed(self) -> bool:
        """Tell whether the node has closed, which it has some time to do."""
        try:
            async with asyncio.timeout(1):
                return await self.reader.read(1) == b""
        except (TimeoutError, ConnectionError) as error:
            return isinstance(error, ConnectionError)


def run(path: Path, scenario: Callable[[ManualLoop, Slow], Coroutine[Any, Any, None]]) -> None:
    """Run *scenario* against a node of its own."""

    @asynccontextmanager
    async def connected(port: int, loop: ManualLoop) -> AsyncIterator[Slow]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield Slow(loop, reader, writer)
        finally:
            writer.transport.abort()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        async with (
            serving(path, wallet=known_wallet(NODE)) as http,
            connected(http.port, loop) as slow,
        ):
            await scenario(loop, slow)
            assert (await http.get("/health")).status == 200

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        runner.run(main())


GRACE_S = BODY_READ_GRACE_MS / 1000
WHOLE_BODY_S = GRACE_S + BODY_MAX_BYTES / BODY_READ_MIN_BYTES_PER_S
HEADS = {
    "length": (b"content-length: 300\r\n", GRACE_S + 300 / BODY_READ_MIN_BYTES_PER_S),
    "chunks": (b"transfer-encoding: chunked\r\n", WHOLE_BODY_S),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_body_below_the_floor_is_answered_at_its_deadline_and_the_connection_ends(
    tmp_path: Path, kind: str
) -> None:
    header, limit_s = HEADS[kind]
    pieces = b"1\r\nx\r\n" * 20 if kind == "chunks" else b"x" * 20

    async def scenario(loop: ManualLoop, slow: Slow) -> None:
        await slow.send(b"POST / HTTP/1.1\r\nhost: x\r\n" + header + b"\r\n")
        replying = asyncio.create_task(slow.reply())
        await slow.drip(pieces, seconds=limit_s * 0.9, size=len(pieces) // 20)
        assert not replying.done(), "it may still come"
        await loop.pass_time(limit_s * 0.2)
        head, _ = await replying
        assert head.startswith(b"HTTP/1.1 504 ")
        assert b"seriatim-error: deadline_exceeded\r\n" in head
        await loop.pass_time(HTTP_LINGER_MS / 1000)
        assert await slow.is_closed()

    run(tmp_path, scenario)


def test_a_body_above_the_floor_is_read_whole(tmp_path: Path) -> None:
    size = 4 * BODY_READ_MIN_BYTES_PER_S

    async def scenario(_: ManualLoop, slow: Slow) -> None:
        await slow.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % size)
        await slow.drip(bytes(size), seconds=GRACE_S + 3, size=size // 8)
        head, body = await slow.reply()
        assert head.startswith(b"HTTP/1.1 400 "), "it is no item"
        assert b"deadline" not in body

    run(tmp_path, scenario)


def test_what_a_refused_body_still_sends_is_read_for_a_bounded_time(tmp_path: Path) -> None:
    async def scenario(loop: ManualLoop, slow: Slow) -> None:
        length = BODY_MAX_BYTES + 1
        await slow.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % length)
        head, _ = await slow.reply()
        assert head.startswith(b"HTTP/1.1 413 ")
        for _ in range(4):
            await slow.send(b"x")
            await loop.pass_time(HTTP_LINGER_MS / 1000 / 4)
        assert await slow.is_closed()

    run(tmp_path, scenario)


HEAD = b"GET /health HTTP/1.1\r\nhost: x\r\n"
KEEPALIVE_S = KEEPALIVE_MS / 1000


def test_a_head_that_drips_is_cut_off(tmp_path: Path) -> None:
    async def scenario(_: ManualLoop, slow: Slow) -> None:
        await slow.drip(HEAD, seconds=KEEPALIVE_S)
        assert await slow.is_closed()

    run(tmp_path, scenario)


def test_a_second_head_that_drips_is_cut_off_too(tmp_path: Path) -> None:
    async def scenario(loop: ManualLoop, slow: Slow) -> None:
        await slow.send(HEAD + b"\r\n")
        await slow.reply()
        await loop.pass_time(KEEPALIVE_S / 2)
        await slow.drip(HEAD, seconds=KEEPALIVE_S / 2)
        assert await slow.is_closed()

    run(tmp_path, scenario)


def test_a_head_that_comes_slowly_but_in_time_is_answered(tmp_path: Path) -> None:
    async def scenario(loop: ManualLoop, slow: Slow) -> None:
        del loop
        for _ in range(3):
            await slow.drip(HEAD, seconds=KEEPALIVE_S * 0.9)
            await slow.send(b"\r\n")
            head, _body = await slow.reply()
            assert head.startswith(b"HTTP/1.1 200 ")

    run(tmp_path, scenario)


def test_a_client_that_says_nothing_is_cut_off(tmp_path: Path) -> None:
    async def scenario(loop: ManualLoop, slow: Slow) -> None:
        await loop.pass_time(KEEPALIVE_S)
        assert await slow.is_closed()

    run(tmp_path, scenario)


BIG = 2 * REPLY_PIECE_BYTES
SEND_GRACE_S = REPLY_SEND_GRACE_MS / 1000


async def reply_whole(request: web.BaseRequest) -> web.StreamResponse:
    del request
    return reply_json(bytes(BIG))


async def reply_in_pieces(request: web.BaseRequest) -> web.StreamResponse:
    return await send_stream(request, "application/json", iter([bytes(REPLY_PIECE_BYTES)] * 20))


KINDS = {
    "whole": (reply_whole, SEND_GRACE_S + BIG / REPLY_SEND_MIN_BYTES_PER_S),
    "pieces": (reply_in_pieces, SEND_GRACE_S + REPLY_PIECE_BYTES / REPLY_SEND_MIN_BYTES_PER_S),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_reads_nothing_loses_its_connection(kind: str) -> None:
    handler, limit_s = KINDS[kind]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        server = HttpServer(handler)
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with socket.create_connection(runner.addresses[0]) as client:
            client.sendall(HEAD + b"\r\n")
            while not any(  # noqa: ASYNC110  # aiohttp tells nobody that a buffer is full
                each.writing_paused for each in server.connections
            ):
                await asyncio.sleep(0)
            await loop.pass_time(limit_s * 0.9)
            assert server.connections, "it may still read"
            await loop.pass_time(limit_s * 0.2)
            assert not server.connections
        await runner.cleanup()

    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        runner.run(main())
