"""A node with its HTTP face in this OS process, on a real socket, for tests of replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from seriatim.actors.launch import open_node
from seriatim.actors.node import Node, Policy
from seriatim.actors.uploads.carrier import Carrier
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.chain import ChainGateway
from seriatim.gateway.http.server import HttpServer, make_dispatcher


class HttpReply(NamedTuple):
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as plain JSON."""
        return orjson.loads(self.body)


class HttpNode:
    """A running node and a client of it."""

    def __init__(self, node: Node, session: aiohttp.ClientSession, port: int) -> None:
        self.node = node
        self.port = port
        self._session = session

    async def get(self, target: str, **headers: str) -> HttpReply:
        """Return the reply to a GET of *target*, sent as it is."""
        return await self.send("GET", target, b"", **headers)

    async def post(self, target: str, body: bytes, **headers: str) -> HttpReply:
        """Return the reply to a POST; underscores in header names are hyphens."""
        return await self.send("POST", target, body, **headers)

    async def send(self, method: str, target: str, body: bytes, **headers: str) -> HttpReply:
        """Return the reply to any request."""
        url = f"http://127.0.0.1:{self.port}{target}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=BytesIO(body) if body else None,
            headers=named,
            allow_redirects=False,
        ) as reply:
            return HttpReply(reply.status, reply.headers, await reply.read())


@asynccontextmanager
async def serving(
    path: Path,
    *,
    wallet: Wallet,
    policy: Policy | None = None,
    gateway: ChainGateway | None = None,
    carrier: Carrier | None = None,
) -> AsyncIterator[HttpNode]:
    """Serve the data folder *path* until the block ends; *gateway* is asked about messages."""
    node, _ = await open_node(
        path, wallet=wallet, policy=policy or Policy(), in_children=False, carrier=carrier
    )
    runner = web.ServerRunner(HttpServer(make_dispatcher(node, gateway)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            yield HttpNode(node, session, runner.addresses[0][1])
    finally:
        await runner.cleanup()
        await node.close()
