"""The operator of a node in this OS process, whose time a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import orjson

from seriatim.actors.policy import Policy
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.gateway.http.operator import Operator
from tests.support.builders import NODE
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.strategies import known_wallet

TOKEN: Final = "a-token"


class Asker:
    """The operator of a node, and its time."""

    def __init__(self, http: HttpNode, clock: VirtualClock) -> None:
        self.http = http
        self.clock = clock

    async def ask(self, method: str, target: str, body: object = None) -> HttpReply:
        """Return the reply to a request of the operator's; *body* is sent as JSON."""
        raw = b"" if body is None else orjson.dumps(body)
        return await self.http.send(method, target, raw, authorization=f"Bearer {TOKEN}")

    async def get(self, target: str) -> Any:
        """Return what a GET answers, which has to be 200."""
        reply = await self.ask("GET", target)
        assert reply.status == 200, reply.body
        return reply.json()

    async def pages(self, target: str, name: str, limit: int) -> list[Any]:
        """Return everything of a list under *name*, page by page."""
        found, after = [], ""
        more = "&" if "?" in target else "?"
        while True:
            one = await self.get(f"{target}{more}limit={limit}{after}")
            assert len(one[name]) <= limit
            found += one[name]
            if one["after"] is None:
                return found
            after = f"&after={one['after']}"


def with_asker(
    tmp_path: Path, use: Callable[[Asker], Awaitable[None]], *, policy: Policy | None = None
) -> None:
    """Have *use* ask a node on *tmp_path* that stands until its time is moved."""

    async def main() -> None:
        clock = VirtualClock()
        async with serving(
            tmp_path,
            wallet=known_wallet(NODE),
            operator=Operator(TOKEN),
            clock=clock,
            policy=policy,
        ) as http:
            await use(Asker(http, clock))

    asyncio.run(main())
