"""The client tells apart: no node, something else that answers, and a node that says no."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from seriatim.formats.errors import (
    LimitExceededError,
    MalformedError,
    NotFoundError,
    RefusedError,
    SchedulerError,
    UnavailableError,
)
from seriatim.gateway import client as module
from seriatim.gateway.client import NodeClient, connect
from tests.support.listening import listening

ID = "A" * 43
RECEIPT = {"process": ID, "slot": 7, "id": ID}
Call = Callable[[NodeClient], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "address": lambda client: client.address(),
    "schedule_item": lambda client: client.schedule_item(b"item", ID),
    "slot": lambda client: client.slot(ID),
    "schedule": lambda client: client.schedule(ID, 0, 9),
    "legacy_page": lambda client: client.legacy_page(ID, limit=9),
}
PROBLEM = orjson.dumps({"code": "bad_signature", "detail": "sign it again"})


async def ask(status: int, body: bytes, call: Call = CALLS["schedule_item"]) -> object:
    """Return what the client makes of a server that answers *status* and *body* to everything."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=body, headers={"location": "/elsewhere"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with connect(f"http://127.0.0.1:{port}/") as client:
            return await call(client)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError),
        (403, RefusedError),
        (404, NotFoundError),
        (409, UnavailableError),
        (413, RefusedError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
    ],
)
def test_a_problem_is_raised_as_what_it_is(status: int, kind: type[SchedulerError]) -> None:
    with pytest.raises(kind, match="sign it again") as raised:
        asyncio.run(ask(status, PROBLEM))
    assert type(raised.value) is kind
    if kind is RefusedError:
        assert raised.value.code == "bad_signature"


def test_the_shape_of_an_ao_unit_is_read_too() -> None:
    with pytest.raises(RefusedError, match="no such tag"):
        asyncio.run(ask(400, b'{"error": "no such tag"}'))


@pytest.mark.parametrize("status", [200, 302, 404, 502])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"[" * 99 + b"]" * 99])
def test_who_answers_no_json_is_no_node(status: int, body: bytes) -> None:
    with pytest.raises(UnavailableError, match=r"no scheduler node|redirects do not end"):
        asyncio.run(ask(status, body))


def test_a_redirect_is_followed_with_the_message() -> None:
    seen: list[bytes] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path != "/there":
            return web.Response(status=307, headers={"location": "/there"})
        seen.append(await request.read())
        return web.Response(body=orjson.dumps(RECEIPT))

    async def main() -> None:
        async with listening(answer) as port, connect(f"http://127.0.0.1:{port}") as client:
            assert await client.schedule_item(b"item", ID) == RECEIPT

    asyncio.run(main())
    assert seen == [b"item"]


def test_a_message_that_was_sent_on_has_a_receipt_without_a_slot() -> None:
    receipt = {"id": ID, "process": ID, "timestamp": 7}
    assert asyncio.run(ask(200, orjson.dumps(receipt))) == receipt


def test_an_answer_is_returned_as_it_is() -> None:
    receipt = {**RECEIPT, "more": [1]}
    assert asyncio.run(ask(200, orjson.dumps(receipt))) == receipt


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "plain",
    [
        {"ok": True},
        {"address": 1, "current": "1", "assignments": [], "edges": {}, "page_info": {}},
        {"current": True, "assignments": None, "edges": [], "page_info": []},
        {**RECEIPT, "slot": "7"},
        {**RECEIPT, "id": None},
        {**RECEIPT, "process": 7},
    ],
)
def test_who_answers_other_json_is_no_node(name: str, plain: dict[str, Any]) -> None:
    with pytest.raises(UnavailableError, match="no scheduler node"):
        asyncio.run(ask(200, orjson.dumps(plain), CALLS[name]))


def test_a_reply_is_read_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = orjson.dumps(RECEIPT)
    monkeypatch.setattr(module, "CLIENT_REPLY_MAX_BYTES", len(raw))
    assert asyncio.run(ask(200, raw)) == RECEIPT
    with pytest.raises(LimitExceededError, match="reply"):
        asyncio.run(ask(200, raw + b" "))


@pytest.mark.parametrize("process", ["", "..", "A" * 42, "A" * 42 + "/", "A" * 43 + "?x=y"])
def test_what_is_no_id_is_not_sent(process: str) -> None:
    async def main() -> None:
        async with connect("http://127.0.0.1:9") as client:
            for call in (
                client.slot(process),
                client.schedule(process, 0, 9),
                client.schedule_item(b"item", process),
                client.legacy_page(process, limit=9),
            ):
                with pytest.raises(MalformedError, match="not an id"):
                    await call

    asyncio.run(main())


def test_nobody_there_is_unavailable() -> None:
    async def main() -> None:
        async with connect("http://127.0.0.1:9") as client:
            await client.slot("A" * 43)

    with pytest.raises(UnavailableError, match="cannot be reached"):
        asyncio.run(main())


def test_a_url_that_is_none_is_unavailable() -> None:
    async def main() -> None:
        async with connect("not a url") as client:
            await client.slot("A" * 43)

    with pytest.raises(UnavailableError, match="cannot be reached"):
        asyncio.run(main())
