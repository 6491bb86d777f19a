"""``Prefer: wait`` over a socket: the reply comes with the slot, or as without it."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import pytest

from seriatim.actors.node import Node
from seriatim.actors.policy import Policy
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.schedule.variant import Variant
from tests.support.builders import message, spawn
from tests.support.http_node import HttpNode, HttpReply, serving
from tests.support.hyperbeam import rsa_wallet
from tests.support.running_node import WALLET, post
from tests.support.waiting import until

APPLIED = "preference-applied"
JSON = "application/json"
CBOR = "application/cbor"
HTTPSIG = "application/httpsig"
PAGES = ["/{process}/schedule?from=1", "/~scheduler@1.0/schedule?target={process}&from=1&to=7"]
NEXT = "/{process}~process@1.0/next?at-slot=0"


async def spawned(http: HttpNode) -> bytes:
    return (await post(http.node, spawn(Variant.HYPERBEAM))).process


def asking(http: HttpNode, path: str, process: bytes, wait: str) -> asyncio.Task[HttpReply]:
    target = path.format(process=encode_id(process))
    return asyncio.create_task(http.get(target, accept=JSON, prefer=wait))


@pytest.mark.parametrize(
    ("path", "accept"),
    [*product(PAGES, [JSON, CBOR, HTTPSIG]), *product([NEXT], [JSON, HTTPSIG])],
)
def test_a_reader_gets_the_slot_that_it_waited_for(path: str, accept: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=rsa_wallet()) as http:
            process = await spawned(http)
            target = path.format(process=encode_id(process))
            reader = asyncio.create_task(http.get(target, accept=accept, prefer="wait=1000"))
            await until(lambda: http.node.readers_waiting == 1)
            await post(http.node, message(process, "the one"))
            reply = await reader
            assert (reply.status, reply.headers[APPLIED]) == (200, "wait=30"), "no longer than 30"
            assert reply.body == (await http.get(target, accept=accept)).body
            assert http.node.readers_waiting == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "status"), [("/{process}/schedule?from=1", 200), ("/{process}/next?at-slot=0", 404)]
)
def test_who_has_waited_in_vain_is_answered_as_without(
    path: str, status: int, tmp_path: Path
) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            waited = await asking(http, path, process, "wait=0")
            plain = await http.get(path.format(process=encode_id(process)), accept=JSON)
            assert (waited.status, waited.body) == (status, plain.body)
            assert plain.status == status
            assert waited.headers[APPLIED] == "wait=0"
            assert APPLIED not in plain.headers

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "wait"),
    [
        ("/{process}/schedule?from=1", "wait=soon"),
        ("/{process}/schedule?from=1", "respond-async"),
        ("/{process}/schedule?from=5&to=4", "wait=30"),
        ("/{process}/slot", "wait=30"),
    ],
)
def test_what_nobody_can_wait_for_is_answered_at_once(path: str, wait: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            reply = await asking(http, path, process, wait)
            assert reply.status == 200
            assert APPLIED not in reply.headers
            unknown = await asking(http, path, b"\0" * 32, wait)
            assert unknown.status == 404

    asyncio.run(main())


def test_a_slot_that_is_there_is_not_waited_for_and_the_preference_is_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            for path in ("/{process}/schedule", "/{process}/schedule?from=0&to=9"):
                reply = await asking(http, path, process, "wait=5")
                assert reply.headers[APPLIED] == "wait=5"

    asyncio.run(main())


def test_one_reader_too_many_is_answered_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seriatim.actors.scheduler.arrivals.LONG_POLLS_MAX", 1)

    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            path = "/{process}/schedule?from=1"
            first = asking(http, path, process, "wait=30")
            await until(lambda: http.node.readers_waiting == 1)
            second = await asking(http, path, process, "wait=30")
            assert second.json()["assignments"] == {}
            assert APPLIED not in second.headers
            await post(http.node, message(process, "it"))
            assert list((await first).json()["assignments"]) == ["1"]

    asyncio.run(main())


def test_a_node_that_stops_answers_whoever_waits(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            readers = [asking(http, "/{process}/schedule?from=1", process, "wait=30") for _ in "ab"]
            await until(lambda: http.node.readers_waiting == 2)
            http.node.refuse_new_work()
            for reader in readers:
                reply = await reader
                assert (reply.status, reply.json()["assignments"]) == (200, {})
                assert APPLIED not in reply.headers

    asyncio.run(main())


def test_a_client_that_goes_away_while_it_waits_leaves_nothing_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(tmp_path, wallet=WALLET) as http:
            process = await spawned(http)
            await connect_and_leave(http.node, http.port, process)
            assert (await post(http.node, message(process, "still"))).slot == 1

    asyncio.run(main())


async def connect_and_leave(node: Node, port: int, process: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    target = f"/{encode_id(process)}/schedule?from=1"
    writer.write(f"GET {target} HTTP/1.1\r\nhost: x\r\nprefer: wait=30\r\n\r\n".encode())
    await until(lambda: node.readers_waiting == 1)
    writer.close()
    await until(lambda: node.readers_waiting == 0)


def test_the_preference_of_an_unsigned_message_is_no_part_of_it(tmp_path: Path) -> None:
    """It is said to the node, as ``accept`` is."""
    sent = {"codec_device": "httpsig@1.0", "type": "Message", "prefer": "wait=1"}

    async def main() -> None:
        policy = Policy(accept_unsigned=True)
        async with serving(tmp_path, wallet=rsa_wallet(), policy=policy) as it:
            process = encode_id(await spawned(it))
            reply = await it.post(f"/{process}/schedule", b"x", **sent)
            assert reply.status == 200, reply.body
            (stored,) = it.node.schedule(decode_id(process), 1, 1)
            assert "prefer" not in stored.fields

    asyncio.run(main())
