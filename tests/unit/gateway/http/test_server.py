"""Connections at the two moments when none may stay: over the cap, and while the node stops."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from contextlib import suppress
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from seriatim.actors.launch import open_node
from seriatim.actors.policy import Policy
from seriatim.gateway.http.request import resting
from seriatim.gateway.http.server import HttpServer, make_dispatcher
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet
from tests.support.waiting import until

WALLET = known_wallet(NODE)
TURNS_OF_AN_ACCEPT = 6


def test_connections_over_the_cap_leave_no_trace_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("seriatim.gateway.http.server.CONNECTIONS_MAX", 1)

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            (_, kept), *rest = [
                await asyncio.open_connection("127.0.0.1", http.port) for _ in range(5)
            ]
            for reader, writer in rest:
                assert await reader.read() == b""
                writer.close()
            kept.close()

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
        gc.collect()
    assert not caplog.records


@pytest.mark.parametrize("turns", range(TURNS_OF_AN_ACCEPT))
def test_a_connection_that_comes_as_the_node_stops_does_not_hold_it_up(
    tmp_path: Path, turns: int
) -> None:
    """Whichever of the loop's turns it is: aiohttp by itself waits until its time is up."""

    async def main() -> None:
        node, _ = await open_node(tmp_path, wallet=WALLET, policy=Policy(), in_children=False)
        runner = web.ServerRunner(HttpServer(make_dispatcher(node, None)), shutdown_timeout=60)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with socket.create_connection(runner.addresses[0]) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(10):
                await runner.cleanup()
                with suppress(ConnectionResetError):
                    assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        await node.close()

    # The loop of the product: the standard one of Python 3.11 forgets what it is just accepting.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main())


def test_who_has_gone_already_is_not_rested_for(tmp_path: Path) -> None:
    """aiohttp says it once, and that may have been before."""
    came, ended = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        came.set()
        try:
            await until(lambda: request.transport is None)
            with resting(request):
                raise AssertionError("nobody is left to hear it")
        except asyncio.CancelledError:
            ended.set()
            raise

    async def main() -> None:
        runner = web.ServerRunner(HttpServer(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await came.wait()
        writer.close()
        async with asyncio.timeout(30):
            await ended.wait()
        await runner.cleanup()

    asyncio.run(main())
