"""The load: it reads any answer that aiohttp gives, however it is cut, and counts the bad ones."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from seriatim.formats.errors import MalformedError
from seriatim.gateway.bench.corpus import JSON, make_request
from seriatim.gateway.bench.hello import make_application
from seriatim.gateway.bench.load import (
    LoadConnection,
    LoadRun,
    content_length,
    pack_requests,
    run_load,
    unpack_requests,
)

ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nserver: x\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nserver: 0\r\n\r\n3\r\n100\r\n0\r\n\r\n",
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
)


class WrittenTransport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


@pytest.fixture(autouse=True)
def _collecting() -> Iterator[None]:
    """The load stops collecting garbage; the tests after it do not."""
    yield
    gc.enable()


@given(st.lists(st.binary()))
def test_unpacking_undoes_packing(requests: list[bytes]) -> None:
    assert unpack_requests(pack_requests(requests)) == requests


@given(
    st.lists(st.tuples(st.sampled_from(ANSWERS), st.lists(st.integers(1, 80))), min_size=1),
)
def test_answers_are_counted_however_they_are_cut(
    answers: list[tuple[bytes, list[int]]],
) -> None:
    requests = [b"request %d" % number for number, _ in enumerate(answers)]

    async def receive() -> tuple[LoadRun, list[bytes]]:
        run = LoadRun(iter(requests), 1)
        connection, transport = LoadConnection(run), WrittenTransport()
        connection.connection_made(transport)
        connection.send_next()
        for answer, cuts in answers:
            for piece in cut(answer, cuts):
                connection.data_received(piece)
        return run, transport.written

    run, written = asyncio.run(receive())
    assert written == requests
    assert run.finished.done()
    assert sum(run.statuses.values()) == len(run.latencies_ns) == len(answers)
    assert run.statuses["503"] == sum(answer == ANSWERS[2] for answer, _ in answers)
    assert run.received_bytes == sum(len(answer) for answer, _ in answers)


def cut(answer: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        if at + size >= len(answer):
            break
        yield answer[at : at + size]
        at += size
    yield answer[at:]


def test_an_answer_that_does_not_say_where_it_ends_is_refused() -> None:
    with pytest.raises(MalformedError, match="where it ends"):
        content_length(b"HTTP/1.1 200 OK\r\nserver: x")


@pytest.mark.asyncio
async def test_each_request_is_sent_once_over_all_connections() -> None:
    received: list[int] = []

    async def count(request: web.Request, response: web.StreamResponse) -> None:
        received.append(len(await request.read()))

    application = make_application({"large": bytes(300_000)})
    application.on_response_prepare.append(count)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    posts = [make_request(JSON, bytes(size)) for size in range(40)]
    pages = [b"GET /page/large HTTP/1.1\r\nHost: x\r\n\r\n"] * 5
    found = await run_load("127.0.0.1", port, 7, iter(posts + pages))
    await runner.cleanup()
    assert found["statuses"] == {"200": 45}
    assert sorted(received) == sorted([*range(40), *[0] * 5])
    assert found["received_bytes"] > 5 * 300_000


@pytest.mark.asyncio
async def test_a_server_that_hangs_up_fails_the_run() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(MalformedError, match="closed a connection"):
        await run_load("127.0.0.1", port, 2, iter([make_request(JSON, b"{}")] * 2))
    server.close()
    await server.wait_closed()
