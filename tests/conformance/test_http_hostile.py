"""What no client library sends: broken framing, cut connections, pages that fail half-way."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from seriatim.formats.errors import CorruptRecordError
from seriatim.formats.limits import REPLY_PIECE_BYTES
from seriatim.formats.signing.scheme import WalletKind
from seriatim.gateway.http.server import HttpServer
from seriatim.gateway.http.stream import send_stream
from tests.support.http_node import HttpNode, serving
from tests.support.strategies import known_wallet

WALLET = known_wallet(WalletKind.ED25519)

REQUESTS = {
    "two lengths": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
    ),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
        b"0\r\n\r\n"
    ),
    "two hosts": b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
    "signed length": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello",
    "space before a colon": b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 9_000 + b"\r\n\r\n",
    "long target": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "compressed body": (
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd"
    ),
}


async def exchange(port: int, raw: bytes) -> bytes:
    """Send *raw* and return everything that comes back until the node closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


@pytest.mark.parametrize("name", REQUESTS)
def test_broken_framing_is_400_in_one_line_and_the_node_goes_on(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reply = await exchange(http.port, REQUESTS[name])
            assert reply.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), reply
            assert b"Traceback" not in reply
            assert (await http.get("/health")).status == 200

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert not any(record.exc_info for record in caplog.records), "no traceback in the log"
    assert len(caplog.records) <= 2


def test_a_body_that_is_cut_off_frees_its_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
            reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
            writer.write(head + b"half")
            writer.write_eof()
            assert not (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            assert (await http.get("/health")).status == 200

    asyncio.run(main())


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            get = b"GET /%b HTTP/1.1\r\nhost: x\r\n%b\r\n"
            raw = (
                get % (b"health", b"")
                + get % (b"nothing", b"")
                + get % (b"timestamp", b"connection: close\r\n")
            )
            reply = await exchange(http.port, raw)
            statuses = [part[:3] for part in reply.split(b"HTTP/1.1 ")[1:]]
            assert statuses == [b"200", b"404", b"200"]

    asyncio.run(main())


def test_a_head_request_has_no_body(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reply = await http.send("HEAD", "/timestamp", b"")
            assert (reply.status, reply.body) == (200, b"")

    asyncio.run(main())


HEAD_AND_CLOSE = b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def streaming(pieces: Iterator[bytes]) -> AsyncIterator[int]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await send_stream(request, "application/json", pieces)

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def test_a_head_request_for_a_long_page_has_no_body() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * REPLY_PIECE_BYTES
        yield b"y" * REPLY_PIECE_BYTES

    async def main() -> None:
        async with streaming(pieces()) as port:
            head, _, body = (await exchange(port, HEAD_AND_CLOSE)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body == b""

    asyncio.run(main())


@pytest.mark.parametrize(
    "error",
    [
        CorruptRecordError(process="p", slot=7, reason="the checksum does not match"),
        ValueError("slot 7, for a reason that nobody has foreseen"),
    ],
    ids=["known", "unforeseen"],
)
def test_a_page_that_fails_half_way_is_cut_and_not_ended(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * REPLY_PIECE_BYTES
        yield b"y" * REPLY_PIECE_BYTES
        raise error

    async def main() -> None:
        async with streaming(pieces()) as port, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/") as reply:
                    await reply.read()

    asyncio.run(main())
    assert "slot 7" in caplog.text


def test_a_client_that_leaves_in_the_middle_of_a_page_disturbs_nobody() -> None:
    async def main() -> None:
        endless = iter(lambda: b"z" * 100_000, b"")
        async with streaming(endless) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await reader.readexactly(300_000)
            writer.transport.abort()

    asyncio.run(main())


def test_connections_over_the_cap_are_closed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seriatim.gateway.http.server.CONNECTIONS_MAX", 3)

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            opened = [await asyncio.open_connection("127.0.0.1", http.port) for _ in range(8)]
            closed = await asyncio.gather(*(is_closed(reader) for reader, _ in opened))
            assert sum(closed) == 5
            for _, writer in opened:
                writer.close()

    asyncio.run(main())


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(1), 0.2) == b""
    except TimeoutError:
        return False


def test_the_server_is_made_of_the_c_parser() -> None:
    """The pure-Python one has had holes of its own; `run_server` refuses to start with it."""
    assert HttpServer.__mro__[1] is web.Server
    assert aiohttp.http_parser.HttpRequestParser is not aiohttp.http_parser.HttpRequestParserPy


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"FOO / HTTP/1.1", "no method"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1", "longer than"),
        (b"GET /timestamp HTTP/1.1\r\nx: " + b"a" * 9_000, "longer than"),
        (b"GET /\xff HTTP/1.1", "no plain ASCII path|no HTTP"),
        (b"POST / HTTP/1.1\r\ncontent-length: x", "no HTTP"),
        (b"\x16\x03\x01\x02", "no method|no HTTP"),
    ],
)
def test_what_is_no_request_is_answered_as_every_other_error(
    tmp_path: Path, head: bytes, reason: str
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
            writer.write(head + b"\r\nhost: x\r\n\r\n")
            status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
            assert status.split()[1] == "400"
            assert {"access-control-allow-origin: *", "server: seriatim"} <= {*lines}
            assert "seriatim-error: bad_http" in lines
            problem = orjson.loads(await reader.read())
            assert re.search(reason, problem["detail"])
            writer.close()

    asyncio.run(main())


@pytest.mark.parametrize("target", ["http://any.example/timestamp", "HTTPS://x:1/timestamp?a=b"])
def test_a_target_may_say_the_whole_url(tmp_path: Path, target: str) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
            writer.write(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()

    asyncio.run(main())


def test_a_node_under_a_flood_of_bad_items_answers_good_requests(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            await asyncio.gather(*(flood(http) for _ in range(8)), good(http))

    async def flood(http: HttpNode) -> None:
        for _ in range(25):
            assert (await http.post("/", bytes(300))).status == 400

    async def good(http: HttpNode) -> None:
        for _ in range(25):
            assert (await http.get("/timestamp")).status == 200

    asyncio.run(main())
