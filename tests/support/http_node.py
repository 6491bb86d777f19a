"""A node with its HTTP face in this OS process, on a real socket, for tests of replies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from seriatim.actors.compute.folds import Folds
from seriatim.actors.launch import open_node
from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.actors.runtime.clock import Clock
from seriatim.actors.uploads.carrier import Carrier
from seriatim.formats.schedule.variant import Variant
from seriatim.formats.signing.wallet import Wallet
from seriatim.gateway.chain import ChainGateway
from seriatim.gateway.http.operator import NOBODY, Operator
from seriatim.gateway.http.own_paths import asking_own_paths
from seriatim.gateway.http.server import HttpServer, forwarding, make_dispatcher
from seriatim.gateway.outbound import OutboundPolicy
from seriatim.gateway.source import opening_sources
from tests.support.builders import spawn_item


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
    outbound_policy: OutboundPolicy | None = None,
    folds: Folds | None = None,
    operator: Operator = NOBODY,
    clock: Clock | None = None,
) -> AsyncIterator[HttpNode]:
    """Serve the data folder *path* until the block ends.

    *gateway* is asked about messages; with *outbound_policy*, requests for other nodes are sent on,
    and copies are brought up to their sources. *operator* is who may define triggers.
    """
    async with AsyncExitStack() as ending:
        open_source = None
        if outbound_policy is not None:
            open_source = await ending.enter_async_context(opening_sources(outbound_policy))
        node, _ = await open_node(
            path,
            wallet=wallet,
            policy=policy or Policy(),
            in_children=False,
            carrier=carrier,
            open_source=open_source,
            folds=folds,
            clock=clock,
        )
        ending.push_async_callback(node.close)
        forwarder = None
        if outbound_policy is not None:
            forwarder = await ending.enter_async_context(forwarding(node, outbound_policy))
        handler = make_dispatcher(node, gateway, forwarder, operator)
        runner = web.ServerRunner(HttpServer(handler))
        ending.push_async_callback(runner.cleanup)
        await runner.setup()
        await ending.enter_async_context(asking_own_paths(node, HttpServer(handler)))
        ending.callback(node.refuse_new_work)  # before the server waits for its requests
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        session = await ending.enter_async_context(aiohttp.ClientSession())
        yield HttpNode(node, session, runner.addresses[0][1])


async def spawned(http: HttpNode, variant: Variant = Variant.HYPERBEAM) -> str:
    """Post a spawn to *http*; return its process."""
    reply = await http.post("/schedule", spawn_item(variant).raw)
    return reply.headers["process"]
