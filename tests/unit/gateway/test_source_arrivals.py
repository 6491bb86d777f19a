"""A follower at the head of a node that waits: new slots come without a poll in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from seriatim.actors.follow.folder import open_followed
from seriatim.actors.follow.follower import Follower, News
from seriatim.actors.runtime.clock import ManualClock
from seriatim.formats.ids import encode_id
from seriatim.formats.schedule.variant import Variant
from seriatim.gateway.outbound import Outbound, OutboundPolicy
from seriatim.gateway.source import NodeSource
from seriatim.gateway.url import read_url
from tests.support.builders import message, spawn
from tests.support.http_node import HttpNode, serving
from tests.support.node_sources import META
from tests.support.running_node import WALLET, post
from tests.support.tampering_proxy import TamperingProxy, tampering
from tests.support.waiting import until


class Following:
    """A follower at work, on a clock that stands still: no pause of its own ever ends."""

    def __init__(self, folder: Path, http: HttpNode, proxy: TamperingProxy, process: bytes) -> None:
        self.http = http
        self.proxy = proxy
        self.process = process
        self.news: list[News] = []
        self.clock = ManualClock()
        self._folder = folder

    async def run(self) -> None:
        url = self.proxy.url
        policy = OutboundPolicy(frozenset({read_url(url).origin}))
        async with (
            open_followed(self._folder, self.process, url=url, now_ms=1) as copy,
            Outbound(policy, reply_max_bytes=1 << 20) as outbound,
        ):
            source = NodeSource(outbound, url, self.process)
            follower = Follower(
                copy, source, clock=self.clock, draw=Random(7).randrange, tell=self.news.append
            )
            await follower.run(once=False)

    async def until_it_waits(self) -> None:
        await until(lambda: self.http.node.readers_waiting == 1)

    async def until_it_pauses(self) -> None:
        await until(lambda: self.clock.due_ms() is not None)

    async def until_it_says(self, what: str, slots: int) -> None:
        await until(lambda: self.news[-1][:2] == (what, slots))

    @property
    def waited(self) -> list[str]:
        return [path for path in self.proxy.asked if "schedule" in path]


@asynccontextmanager
async def following(folder: Path, *, hidden: str = "") -> AsyncIterator[Following]:
    async with serving(folder / "node", wallet=WALLET) as http, tampering(http.port) as proxy:
        proxy.hidden = {hidden}
        process = (await post(http.node, spawn(Variant.LEGACY, "followed"))).process
        it = Following(folder / "copy", http, proxy, process)
        task = asyncio.create_task(it.run())
        try:
            yield it
        finally:
            http.node.refuse_new_work()  # the proxy still waits there
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def test_a_new_slot_is_there_without_a_poll_in_between(tmp_path: Path) -> None:
    async def main() -> None:
        async with following(tmp_path) as it:
            for slot in range(1, 4):
                await it.until_it_waits()
                asked = len(it.proxy.asked)
                await post(it.http.node, message(it.process, f"m{slot}"))
                await it.until_it_says("head", slot + 1)
                await it.until_it_waits()
                paths = it.proxy.asked[asked - 1 :]
                where = f"/{encode_id(it.process)}"
                assert paths[0] == f"{where}/schedule?from={slot}&to={slot}", "the one that waited"
                assert paths[1] == f"{where}/slot/current"
                assert paths[-1] == f"{where}/schedule?from={slot + 1}&to={slot + 1}"
            assert it.clock.due_ms() is None

    asyncio.run(main())


def test_a_node_that_stops_lets_the_follower_go_and_it_polls(tmp_path: Path) -> None:
    async def main() -> None:
        async with following(tmp_path) as it:
            await it.until_it_waits()
            it.http.node.refuse_new_work()
            await it.until_it_pauses()
            assert it.http.node.readers_waiting == 0
            asked = len(it.waited)
            for _ in range(3):
                it.clock.advance(10_000)
                await it.until_it_pauses()
            assert len(it.waited) <= asked + 1, "who does not wait is not asked to"

    asyncio.run(main())


def test_one_reader_too_many_polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seriatim.actors.scheduler.arrivals.LONG_POLLS_MAX", 0)

    async def main() -> None:
        async with following(tmp_path) as it:
            await it.until_it_pauses()
            await post(it.http.node, message(it.process, "new"))
            it.clock.advance(250)
            await it.until_it_says("head", 2)

    asyncio.run(main())


def test_a_unit_that_does_not_wait_is_polled(tmp_path: Path) -> None:
    async def main() -> None:
        async with following(tmp_path, hidden=META) as it:
            await it.until_it_pauses()
            assert it.waited == []
            await post(it.http.node, message(it.process, "new"))
            it.clock.advance(250)
            await it.until_it_says("head", 2)

    asyncio.run(main())
