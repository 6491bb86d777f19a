"""A proxy in front of a node that changes what the node says, a little."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

_PASSED = ("prefer",)
_SAID = ("content-type", "preference-applied")


class TamperingProxy:
    """Passes requests on, for JSON or another type, whatever was asked for.

    Attributes:
        url: where it listens.
        target: URL of the node behind it; may be changed at any time.
        is_away: whether it breaks every connection.
        hidden: paths, without the query, that it answers with 404.
        accept: the type that it asks for.
        tamper: changes a JSON reply in place; ``None`` passes bytes on as they are.
        asked: paths with their queries, in the order in which they came.
    """

    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self.url = ""
        self.target = target
        self.is_away = False
        self.hidden: set[str] = set()
        self.accept = "application/json"
        self.tamper: Callable[[dict[str, Any]], None] | None = None
        self.asked: list[str] = []
        self._session = session

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        if self.is_away and request.transport is not None:
            request.transport.abort()
        if request.path in self.hidden:
            return web.Response(status=404, body=b'{"error":"no such path"}')
        url = URL(self.target + request.raw_path, encoded=True)
        passed = {name: request.headers[name] for name in _PASSED if name in request.headers}
        passed["accept"] = self.accept
        async with self._session.request(
            request.method, url, data=await request.read() or None, headers=passed
        ) as reply:
            body = await reply.read()
            if self.tamper is not None and body[:1] == b"{":
                plain = orjson.loads(body)
                self.tamper(plain)
                body = orjson.dumps(plain)
            said = {name: reply.headers[name] for name in _SAID if name in reply.headers}
            return web.Response(status=reply.status, body=body, headers=said)


@asynccontextmanager
async def tampering(port: int) -> AsyncIterator[TamperingProxy]:
    """Run a proxy in front of the node on *port* of this machine."""
    async with aiohttp.ClientSession() as session:
        proxy = TamperingProxy(f"http://127.0.0.1:{port}", session)
        runner = web.ServerRunner(web.Server(proxy.answer))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield proxy
        finally:
            await runner.cleanup()
