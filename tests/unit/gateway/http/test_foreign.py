"""A node beside a gateway: what its blocks are for, whom it can hold up, what may be assigned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest
from aiohttp import web

from seriatim.formats.ids import b64url, decode_id, encode_id
from seriatim.formats.schedule.assignment import Block
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.chain import ChainGateway, refresh_block
from tests.support.builders import NODE, message_item, spawn_item
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.records import make_id
from tests.support.strategies import known_wallet

BLOCK = Block(1_500_000, bytes(range(48)), 1_730_000_000)
ELSEWHERE = make_id("a message that lives elsewhere")
OTHER = make_id("a message that lives nowhere")


class StandIn:
    """A gateway with one block, one message in its index, and one transaction.

    Attributes:
        confirmations: of the transaction; ``None`` is unknown.
        open: while it is clear, every request waits.
        asked: set by the first request.
        waiting: requests that wait.
        is_broken: whether it answers what is no JSON.
    """

    def __init__(self, confirmations: int | None) -> None:
        self.confirmations = confirmations
        self.open = asyncio.Event()
        self.waiting = 0
        self.asked = asyncio.Event()
        self.is_broken = False

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.set()
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        if self.is_broken:
            return web.Response(text="<html>")
        if request.path == "/block/current":
            plain: object = {
                "height": BLOCK.height,
                "indep_hash": b64url(BLOCK.hash),
                "timestamp": BLOCK.timestamp,
            }
            return web.json_response(plain)
        if request.path == "/graphql":
            wanted = orjson.loads(await request.read())["variables"]["id"]
            is_known = wanted == encode_id(ELSEWHERE)
            found = {"id": wanted} if is_known else None
            return web.json_response({"data": {"transaction": found}})
        if self.confirmations is None:
            return web.Response(status=404)
        return web.json_response({"number_of_confirmations": self.confirmations})


class Both(NamedTuple):
    """A node, the gateway that it asks, and the client in between."""

    http: HttpNode
    chain: StandIn
    gateway: ChainGateway

    async def spawn(self, **tags: str) -> str:
        """Return the id of a new legacy process."""
        item = spawn_item(
            Variant.LEGACY,
            tags={
                "Module": encode_id(make_id("module")),
                "Scheduler": encode_id(known_wallet(NODE).address),
                **tags,
            },
        )
        reply = await self.http.post("/", item.raw)
        assert reply.status == 200, reply
        return encode_id(item.id)

    async def assign(self, process: str, message_id: bytes, rest: str = "") -> HttpReply:
        target = f"/?process-id={process}&assign={encode_id(message_id)}{rest}"
        return await self.http.post(target, b"")

    def last_slot(self, process: str) -> int:
        head = self.http.node.head(decode_id(process))
        assert head is not None
        return head.slot


@asynccontextmanager
async def beside_a_gateway(
    path: Path, *, confirmations: int | None = None, is_open: bool = True
) -> AsyncIterator[Both]:
    """Serve a node that asks a stand-in, and refreshes its block from it, until the block ends."""
    chain = StandIn(confirmations)
    if is_open:
        chain.open.set()
    runner = web.ServerRunner(web.Server(chain, handler_cancellation=True))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway = ChainGateway(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        async with serving(path, wallet=known_wallet(NODE), gateway=gateway) as http:
            yield Both(http, chain, gateway)
    finally:
        await gateway.close()
        await runner.cleanup()


def test_the_gateways_block_is_in_the_next_assignment(tmp_path: Path) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path) as both:
            process = await both.spawn()
            both.http.node.block = await both.gateway.newest_block()
            reply = await both.http.post("/", message_item(decode_id(process), "x").raw)
            assert reply.status == 200, reply
            for slot, height in ((0, 0), (1, BLOCK.height)):
                entry = (await both.http.get(f"/{process}?from-nonce={slot - 1}&limit=1")).json()
                tags = entry["edges"][0]["node"]["assignment"]["tags"]
                assert {"name": "Block-Height", "value": f"{height:012d}"} in tags
            place = (await both.http.get(f"/{process}~process@1.0/slot")).json()
            assert place["block-hash"] == b64url(BLOCK.hash)
            assert place["timestamp"] == BLOCK.timestamp

    asyncio.run(main())


def test_no_message_waits_for_a_gateway_that_hangs(tmp_path: Path) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path, is_open=False) as both:
            taken = asyncio.Event()

            def take(block: Block) -> None:
                both.http.node.block = block
                taken.set()

            refreshing = asyncio.create_task(refresh_block(both.gateway, take))
            await both.chain.asked.wait()
            process = decode_id(await both.spawn())
            for number in range(3):
                item = message_item(process, str(number))
                assert (await both.http.post("/", item.raw)).status == 200
            assert both.chain.waiting == 1, "all were placed while the gateway was being asked"
            both.chain.open.set()
            await taken.wait()
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing
            assert both.http.node.block == BLOCK

    asyncio.run(main())


def test_an_assign_that_waits_for_a_gateway_holds_up_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path, is_open=False) as both:
            process = await both.spawn()
            assigning = asyncio.create_task(both.assign(process, ELSEWHERE))
            await both.chain.asked.wait()
            item = message_item(decode_id(process), "meanwhile")
            assert (await both.http.post("/", item.raw)).status == 200
            assert both.chain.waiting == 1
            both.chain.open.set()
            assert (await assigning).status == 200
            assert both.last_slot(process) == 2

    asyncio.run(main())


NOT_FOUND = "Transaction not found"
NOT_SETTLED = "Not enough confirmations to assign"


@pytest.mark.parametrize(
    ("confirmations", "depth", "error"),
    [
        (None, None, NOT_FOUND),
        (0, None, NOT_SETTLED),
        (19, None, NOT_SETTLED),
        (20, None, None),
        (19, "twenty", NOT_SETTLED),
        (19, "-1", NOT_SETTLED),
        (2, "3", NOT_SETTLED),
        (3, "3", None),
        (0, "0", None),
    ],
)
def test_a_base_layer_transaction_is_assigned_once_it_is_settled(
    tmp_path: Path, confirmations: int | None, depth: str | None, error: str | None
) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path, confirmations=confirmations) as both:
            tags = {} if depth is None else {"Settlement-Depth": depth}
            process = await both.spawn(**tags)
            reply = await both.assign(process, ELSEWHERE, "&base-layer")
            if error is None:
                assert reply.status == 200, reply
            else:
                assert (reply.status, reply.json()) == (400, {"error": error})
            assert both.last_slot(process) == (1 if error is None else 0), "a refusal takes no slot"

    asyncio.run(main())


@pytest.mark.parametrize(("message_id", "status"), [(ELSEWHERE, 200), (OTHER, 400)])
def test_a_message_is_assigned_when_the_index_holds_it(
    tmp_path: Path, message_id: bytes, status: int
) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path) as both:
            process = await both.spawn()
            reply = await both.assign(process, message_id)
            assert reply.status == status
            if status == 400:
                assert reply.json() == {"error": NOT_FOUND}

    asyncio.run(main())


def test_a_gateway_that_fails_is_no_fault_of_the_client(tmp_path: Path) -> None:
    async def main() -> None:
        async with beside_a_gateway(tmp_path) as both:
            process = await both.spawn()
            both.chain.is_broken = True
            for rest in ("", "&base-layer"):
                reply = await both.assign(process, ELSEWHERE, rest)
                assert reply.status == 503
                assert int(reply.headers["retry-after"]) >= 1

    asyncio.run(main())
