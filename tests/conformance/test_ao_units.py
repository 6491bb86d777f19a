"""Messages of HyperBEAM's clients for processes of ao units, sent on in the form of units."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import CLIENT, NODE, message_item, spawn_item
from tests.support.copying_node import copying
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.hyperbeam import client_wallet, http_message, location
from tests.support.hyperbeam_http import post
from tests.support.listening import listening
from tests.support.loopback import LOOPBACK, url_of
from tests.support.strategies import known_wallet
from tests.support.tampering_proxy import TamperingProxy, tampering
from tests.support.unknown_process import ID

Use = Callable[[HttpNode, HttpNode, TamperingProxy, str], Awaitable[None]]


def with_unit(tmp_path: Path, use: Use) -> None:
    """Run *use* on a unit, a node with an empty copy of its process, and what is in between.

    Whatever no ao unit has is hidden.
    """

    async def main() -> None:
        async with copying(tmp_path, Variant.LEGACY) as (unit, node, proxy, process):
            proxy.hidden = {
                "/~meta@1.0/info/address",
                f"/{process}/schedule",
                f"/{process}~process@1.0/schedule",
            }
            await use(unit, node, proxy, process)

    asyncio.run(main())


async def send(node: HttpNode, process: str, text: str, **headers: str) -> HttpReply:
    raw = message_item(decode_id(process), text).raw
    return await node.post(f"/{process}~process@1.0/schedule", raw, **headers)


def last_slot(http: HttpNode, process: str) -> int:
    head = http.node.head(decode_id(process))
    assert head is not None
    return head.slot


def test_the_client_gets_the_assignment_that_the_unit_has_made(tmp_path: Path) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        for slot in (1, 2):  # of a copy that is empty, and of one that is there
            reply = await send(node, process, f"m{slot}")
            assert (reply.status, reply.headers["slot"]) == (200, str(slot))
            stored = unit.node.stored(decode_id(process), slot)
            assert reply.json()["assignment-id"] == encode_id(stored.record.assignment_id)
        again = await send(node, process, "m1")
        assert (again.status, again.headers["slot"]) == (200, "1")
        assert last_slot(unit, process) == 2

    with_unit(tmp_path, use)


@pytest.mark.parametrize("accept", ["application/ans104", "application/json"])
def test_in_any_form_it_is_what_the_unit_itself_would_answer(tmp_path: Path, accept: str) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        del proxy
        through = await send(node, process, "hello", accept=accept)
        direct = await send(unit, process, "hello", accept=accept)
        assert (through.status, through.body) == (200, direct.body)
        assert through.headers["content-type"] == direct.headers["content-type"] == accept

    with_unit(tmp_path, use)


def test_what_is_no_data_item_is_refused_as_hyperbeam_refuses_it(tmp_path: Path) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        del proxy
        message = http_message({"data": b"hello", "type": b"Message"})
        reply = await post(node, message, f"/{process}~process@1.0/schedule")
        assert reply.status == 422
        assert b"Incorrect encoding. Scheduler has variant: ao.TN.1" in reply.body
        assert last_slot(unit, process) == 0

    with_unit(tmp_path, use)


def test_what_the_unit_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        del unit, proxy
        raw = message_item(b"", "for nobody").raw
        reply = await node.post(f"/{process}~process@1.0/schedule", raw)
        assert reply.status == 400, reply
        assert "no target" in reply.json()["detail"]

    with_unit(tmp_path, use)


def test_a_message_that_has_its_slot_is_no_error_where_its_assignment_cannot_be_had(
    tmp_path: Path,
) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        assert (await node.get(f"/{process}/slot")).status == 200
        assert "via" not in (await send(node, process, "seen")).headers

        def forge(plain: dict[str, Any]) -> None:
            for edge in plain.get("edges", ()):
                edge["node"]["assignment"]["signature"] = "A" * 86

        proxy.tamper = forge
        reply = await send(node, process, "hello")
        item = message_item(decode_id(process), "hello")
        assert (reply.status, reply.json()["id"]) == (200, encode_id(item.id))
        assert sorted(reply.json()) == ["id", "process", "timestamp"]
        assert reply.headers["via"] == f"1.1 {encode_id(node.node.address)}", "it is another's word"
        assert unit.node.find(item.id)
        assert not node.node.find(item.id)

    with_unit(tmp_path, use)


def test_an_assign_of_a_message_that_only_the_unit_knows_is_for_the_unit(tmp_path: Path) -> None:
    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        del proxy
        other = await unit.post("/schedule", spawn_item(Variant.LEGACY, "other").raw)
        known = other.headers["process"]
        reply = await node.post(f"/?process-id={process}&assign={known}", b"")
        assert reply.status == 200
        assert last_slot(unit, process) == 1

    with_unit(tmp_path, use)


def test_a_copy_that_a_hint_has_begun_is_known_to_be_a_units(tmp_path: Path) -> None:
    async def main() -> None:
        wallet = known_wallet(NODE)
        async with (
            serving(tmp_path / "unit", wallet=wallet) as unit,
            tampering(unit.port) as proxy,
            serving(
                tmp_path / "node", wallet=known_wallet(CLIENT), outbound_policy=LOOPBACK
            ) as node,
        ):
            tags = {"Scheduler": encode_id(wallet.address), "Module": ID}
            spawned = await unit.post("/", spawn_item(Variant.LEGACY, tags=tags).raw)
            process = spawned.json()["id"]
            proxy.hidden = {"/~meta@1.0/info/address", "/~scheduler@1.0/schedule"}
            hinted = f"target={process}?hint={proxy.url}"
            assert (await node.get(f"/~scheduler@1.0/slot?{hinted}")).json()["current"] == 0
            raw = message_item(decode_id(process), "hello").raw
            reply = await node.post(f"/~scheduler@1.0/schedule?{hinted}", raw)
            assert (reply.status, reply.headers["slot"]) == (200, "1")

    asyncio.run(main())


def test_a_spawn_for_a_unit_is_placed_there_and_its_copy_begun(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            serving(tmp_path / "unit", wallet=client_wallet()) as unit,
            serving(
                tmp_path / "asked", wallet=known_wallet(CLIENT), outbound_policy=LOOPBACK
            ) as asked,
        ):
            at = location(url_of(unit.port), client_wallet())
            await post(asked, at, "/~scheduler@1.0/location")
            tags = {
                "Scheduler": encode_id(client_wallet().address),
                "Module": "M" * 43,
            }
            raw = spawn_item(Variant.LEGACY, tags=tags).raw
            reply = await asked.post("/~scheduler@1.0/schedule", raw)
            assert (reply.status, reply.headers["slot"]) == (200, "0")
            assert reply.json()["variant"] == "ao.TN.1"
            process = reply.headers["process"]
            assert last_slot(unit, process) == last_slot(asked, process) == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [b"{}", b"no JSON", b'{"id":1,"timestamp":2}', b'{"id":"%b","timestamp":2}' % ID.encode()],
)
def test_what_answers_otherwise_than_a_unit_is_no_success(tmp_path: Path, body: bytes) -> None:
    answered: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        answered.append(f"{request.method} {request.path}")
        return web.Response(body=body)

    async def use(unit: HttpNode, node: HttpNode, proxy: TamperingProxy, process: str) -> None:
        del unit
        assert (await node.get(f"/{process}/slot")).status == 200
        async with listening(answer) as port:
            proxy.target = url_of(port)
            reply = await send(node, process, "hello")
        assert "POST /" in answered
        assert (reply.status, reply.headers["seriatim-error"]) == (503, "unavailable")

    with_unit(tmp_path, use)
