"""``seriatim serve``, killed under load over HTTP: the same promises, made to strangers.

The clients live outside the node, so what they have received is what was promised.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random

import aiohttp
import orjson
import pytest

from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.submission import Submission
from tests.crash.checker import Ack, check_store
from tests.crash.driver import posted, spawns
from tests.crash.family import choose_victims, kill
from tests.support.builders import NODE
from tests.support.live_node import COMMAND
from tests.support.strategies import known_wallet

LIVES = max(3, int(os.environ.get("SERIATIM_CRASH_LOOPS", "50")) // 8)
SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))
CLIENTS = 12
ACKS_MAX = 300

pytestmark = [pytest.mark.crash, pytest.mark.slow]


class Promises:
    """What all lives have answered; one message has one answer, for ever."""

    def __init__(self) -> None:
        self.acks: dict[str, Ack] = {}
        self.sent: list[tuple[int, int, int]] = []

    def take(self, place: tuple[int, int, int], reply: dict[str, object]) -> None:
        ack: Ack = {
            "process": reply["process"],
            "slot": reply["slot"],
            "message": reply["id"],
            "chain": reply["hash-chain"],
            "assignment": reply["assignment-id"] if "assignment" in reply else "A" * 43,
            "place": list(place),
        }
        assert self.acks.setdefault(str(reply["id"]), ack) == ack, "it had another place before"


class Client:
    """Posts to one node until the node is gone."""

    def __init__(self, session: aiohttp.ClientSession, promises: Promises) -> None:
        self._session = session
        self._promises = promises
        self.acks = 0

    async def post(self, submission: Submission, place: tuple[int, int, int]) -> None:
        process = encode_id(submission.process)
        path = "/~scheduler@1.0/schedule" if submission.spawn else f"/{process}/schedule"
        async with self._session.post(path, data=submission.message) as reply:
            answer = await reply.json(loads=orjson.loads)
            assert reply.status == 200, answer
        self._promises.take(place, answer)
        self.acks += 1

    async def spawn(self, life: int) -> None:
        for submission in spawns(life):
            await self.post(submission, (life, -1, -1))

    async def repeat(self, places: list[tuple[int, int, int]]) -> None:
        """Post again what was posted, a few at a time."""
        for first in range(0, len(places), CLIENTS):
            batch = places[first : first + CLIENTS]
            await asyncio.gather(*(self.post(posted(*place), place) for place in batch))

    async def run(self, life: int, client: int) -> None:
        for number in count():
            place = (life, client, number)
            self._promises.sent.append(place)
            await self.post(posted(*place), place)


@asynccontextmanager
async def serving(folder: Path, promises: Promises) -> AsyncIterator[tuple[int, Client]]:
    """Run the node; whoever is inside kills it."""
    wallet = folder.with_name("wallet.json")
    if not wallet.exists():
        wallet.touch(0o600)
        wallet.write_bytes(known_wallet(NODE).to_json())
    flags = ["--data", str(folder), "--port", "0", "--json", "--wallet", str(wallet)]
    command = [*COMMAND, "serve", *flags]
    with subprocess.Popen(  # noqa: ASYNC220  # nothing else runs meanwhile
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        try:
            ready = orjson.loads(child.stdout.readline())
            headers = {"content-type": "application/octet-stream"}
            async with aiohttp.ClientSession(ready["url"], headers=headers) as session:
                yield child.pid, Client(session, promises)
        finally:
            child.kill()


async def run_life(folder: Path, promises: Promises, life: int, random: Random) -> None:
    before = [place for place in promises.sent if place[0] == life - 1]
    async with serving(folder, promises) as (pid, client):
        await client.spawn(life)
        await client.repeat(before)
        target = client.acks + random.randrange(1, ACKS_MAX)
        clients = [asyncio.create_task(client.run(life, each)) for each in range(CLIENTS)]
        while client.acks < target:
            done, _ = await asyncio.wait(clients, timeout=0.001)
            assert not done, [each.exception() for each in done]
        await asyncio.to_thread(kill, pid, choose_victims(pid, random))
        ends = await asyncio.gather(*clients, return_exceptions=True)
    assert all(isinstance(end, aiohttp.ClientError) for end in ends), ends


@pytest.mark.long
def test_nothing_that_was_answered_over_http_is_lost(tmp_path: Path) -> None:
    random = Random(SEED)
    folder = tmp_path / "data"
    promises = Promises()

    async def repeat_all() -> None:
        async with serving(folder, promises) as (_, client):
            await client.repeat(promises.sent)

    for life in range(LIVES):
        asyncio.run(run_life(folder, promises, life, random))
        check_store(folder, promises.acks.values(), signatures=False)
    asyncio.run(repeat_all())
    records = check_store(folder, promises.acks.values(), signatures=True)
    assert records == len(promises.sent) + 3 * LIVES, "every message has one slot"
