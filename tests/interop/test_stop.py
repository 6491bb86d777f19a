"""How a real node ends: asked once, with everything answered; asked twice, at once."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest

from seriatim.actors.offline import open_offline
from seriatim.formats.ids import decode_id, encode_id
from seriatim.formats.limits import STOP_AGAIN_MS
from seriatim.formats.schedule.variant import Variant
from tests.crash.checker import Ack, check_store
from tests.crash.driver import posted, spawns
from tests.crash.family import children_of
from tests.support.builders import NODE, spawn_item
from tests.support.live_node import LiveNode, live_node
from tests.support.strategies import known_wallet

pytestmark = pytest.mark.slow

CLIENTS = 12
DEADLINE_S = 30


@contextmanager
def running(folder: Path, *flags: str, ends_with: int = 0) -> Iterator[LiveNode]:
    """Run a node; if it is still there at the end of the block, it is asked to stop."""
    wallet = folder / "wallet.json"
    if not wallet.exists():
        wallet.touch(mode=0o600)
        wallet.write_bytes(known_wallet(NODE).to_json())
    with live_node(folder / "data", "--wallet", str(wallet), *flags, ends_with=ends_with) as node:
        yield node


class Load:
    """Clients that post until the node refuses or is gone.

    Attributes:
        acks: what was answered 200.
        ends: why each client has ended, a sentence of the node or the kind of an error.
    """

    def __init__(self, url: str, acks_wanted: int) -> None:
        self.acks: list[Ack] = []
        self.ends: list[str] = []
        self.is_loaded = asyncio.Event()
        self._url = url
        self._wanted = acks_wanted

    async def run_client(self, client: int) -> None:
        async with aiohttp.ClientSession(self._url) as session:
            try:
                for number in count():
                    if not await self._post(session, client, number):
                        return
            except aiohttp.ClientError as error:
                self.ends.append(type(error).__name__)

    async def _post(self, session: aiohttp.ClientSession, client: int, number: int) -> bool:
        submission = posted(0, client, number)
        path = f"/{encode_id(submission.process)}/schedule"
        headers = {"content-type": "application/octet-stream"}
        async with session.post(path, data=submission.message, headers=headers) as reply:
            plain = await reply.json(loads=orjson.loads, content_type=None)
        if reply.status != 200:
            self.ends.append(f"{reply.status} {plain['code']}")
            return False
        self.take(plain, client, number)
        return True

    def take(self, plain: dict[str, str], client: int, number: int) -> None:
        self.acks.append(
            {
                "process": plain["process"],
                "slot": plain["slot"],
                "message": plain["id"],
                "chain": plain["hash-chain"],
                "assignment": plain.get("assignment-id", "A" * 43),
                "place": (0, client, number),
            }
        )
        if len(self.acks) >= self._wanted:
            self.is_loaded.set()


class Promises(Load):
    """The same of a node that answers before it writes, and refuses what it cannot promise."""

    def take(self, plain: dict[str, str], client: int, number: int) -> None:
        own = {"hash-chain": "", "assignment-id": ""}
        super().take({**own, **plain}, client, number)

    async def _post(self, session: aiohttp.ClientSession, client: int, number: int) -> bool:
        if await super()._post(session, client, number):
            return True
        if self.ends[-1] != "429 overloaded":
            return False
        del self.ends[-1]
        return True


async def stop_under_load(load: Load, node: LiveNode) -> Load:
    for place, submission in enumerate(spawns(0)):
        reply = node.post("/~scheduler@1.0/schedule", submission.message)
        assert reply.status == 200, reply
        load.take(reply.json(), -1 - place, 0)
    clients = [asyncio.create_task(load.run_client(each)) for each in range(CLIENTS)]
    await load.is_loaded.wait()
    node.child.send_signal(signal.SIGTERM)
    await asyncio.gather(*clients)
    return load


@pytest.mark.parametrize("acks_wanted", [1, 50, 400])
def test_a_node_that_is_asked_to_stop_under_load_has_on_disk_what_it_has_answered_and_no_more(
    tmp_path: Path, acks_wanted: int
) -> None:
    with running(tmp_path) as node:
        load = asyncio.run(stop_under_load(Load(node.url, acks_wanted), node))
        assert node.child.wait(DEADLINE_S) == 0
    gone = {"ServerDisconnectedError", "ClientOSError", "ClientConnectorError"}
    assert len(load.ends) == CLIENTS
    assert set(load.ends) <= gone | {"503 stopping"}, load.ends
    records = check_store(tmp_path / "data", load.acks, signatures=True)
    assert records == len(load.acks), "whatever was written was answered"


def test_a_stop_keeps_every_promise_of_a_slot_that_was_not_on_disk(tmp_path: Path) -> None:
    with running(tmp_path, "--scheduling-mode", "aggressive") as node:
        load = asyncio.run(stop_under_load(Promises(node.url, 2_000), node))
        assert node.child.wait(DEADLINE_S) == 0
    with open_offline(tmp_path / "data") as folder:
        for ack in load.acks:
            slot = int(ack["slot"])
            ((_, record),) = folder.records(decode_id(ack["process"]), slot, slot)
            assert encode_id(record.message_id) == ack["message"]


def test_a_second_signal_ends_at_once_a_stop_that_waits(tmp_path: Path) -> None:
    item = spawn_item(Variant.NATIVE)
    killed = 128 + signal.SIGTERM
    with running(tmp_path, ends_with=killed) as node, closing(unfinished_request(node)):
        assert node.post("/push", item.raw).status == 200
        family = [os.pidfd_open(each) for each in (node.pid, *children_of(node.pid))]
        node.child.send_signal(signal.SIGTERM)
        wait_until_refused(node)
        assert node.child.poll() is None, "it waits for the request that has been taken"
        assert hurried(node) == killed
        for handle in family:
            gone, _, _ = select.select([handle], [], [], DEADLINE_S)
            os.close(handle)
            assert gone, "a part of the node outlives the others"
    with running(tmp_path) as node:
        assert node.get(f"/{encode_id(item.id)}/slot/current").body == b"0"


def hurried(node: LiveNode) -> int:
    """Ask the node to stop until it has ended; return its status. Once more at once is nothing."""
    while True:
        node.child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            return node.child.wait(STOP_AGAIN_MS / 1_000)


def unfinished_request(node: LiveNode) -> socket.socket:
    """Return a connection on which the node waits for the rest of a body."""
    connection = connect(node)
    connection.sendall(
        b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf"
    )
    # Both came in one piece: whoever has answered the first has begun with the second.
    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    return connection


def wait_until_refused(node: LiveNode) -> None:
    """Return when the node listens no more: it has heard the signal."""
    while True:
        try:
            connect(node).close()
        except ConnectionError:
            return


def connect(node: LiveNode) -> socket.socket:
    parts = urlsplit(node.url)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), DEADLINE_S)
