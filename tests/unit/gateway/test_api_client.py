"""What the client of a node's own API does not send, and what it says when it is closed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

import pytest

from seriatim.formats.errors import MalformedError, StoppingError
from seriatim.gateway.api_client import connect_api
from tests.support.asker import TOKEN

pytestmark = pytest.mark.asyncio

# What Python makes of a byte that is no UTF-8, in the arguments of a command.
NO_TEXT = os.fsdecode(b"\xff")
DEEP: list[Any] = []
for _ in range(1_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("path", "query", "body"),
    [
        (("queues", NO_TEXT), None, None),
        (("queues",), {"type": NO_TEXT}, None),
        (("queues",), None, {"jobs": [{"retries": 2**64}]}),
        (("queues",), None, {"state": NO_TEXT}),
        (("queues",), None, {"args": DEEP}),
        (("queues",), None, {"args": object()}),
    ],
)
async def test_what_no_request_can_carry_is_refused_before_it_is_sent(
    path: tuple[str, ...], query: Mapping[str, object] | None, body: Mapping[str, object] | None
) -> None:
    async with connect_api("http://127.0.0.1:1", TOKEN) as client:  # where nobody answers
        with pytest.raises(MalformedError) as caught:
            await client.ask("POST", path, query=query, body=body)
    assert caught.value.code == "bad_value"


async def test_who_asks_when_the_block_ends_is_told_so_and_not_that_the_node_is_away() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        asked.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect_api(f"http://127.0.0.1:{port}", TOKEN) as client:
            waiting = asyncio.ensure_future(client.ask("POST", ("queues",)))
            await asked.wait()
        with pytest.raises(StoppingError, match="is closed; open another one"):
            await waiting
        await left.wait()
