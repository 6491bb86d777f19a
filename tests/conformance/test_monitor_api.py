"""``/api/v1/monitor`` and ``/workers``: what the operator sees, once and as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import pytest

from seriatim.actors.monitor.monitor import Monitor
from seriatim.actors.policy import Policy
from seriatim.actors.queue.commands import Claim
from seriatim.formats.errors import StoreError
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import WORKER_STALE_MS
from seriatim.formats.monitor.hud import hud
from seriatim.formats.monitor.sight import Sight
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway.http.api import monitor as module
from tests.support.api_schema import faults
from tests.support.asker import TOKEN, with_asker
from tests.support.queue_asker import QueueAsker
from tests.support.statuses import status_of
from tests.support.waiting import until

MONITOR: Final = "/api/v1/monitor"
STREAM: Final = f"{MONITOR}/stream"
PATHS: Final = ("/api/v1/workers", MONITOR, STREAM)
AUTHORIZED: Final = {"authorization": f"Bearer {TOKEN}"}


class Scene(QueueAsker):
    """A node with two jobs, a worker that runs one of them, and time that is told to pass."""

    @property
    def monitor(self) -> Monitor:
        assert self.http.node.monitor is not None
        return self.http.node.monitor

    async def begin(self) -> None:
        queues = self.http.node.queues
        assert queues is not None
        jobs = [{"type": "render", "id": "j"}, {"type": "render"}]
        await queues.submit("default", [read_asked(each) for each in jobs])
        claim = Claim("w", frozenset({"render"}), commands=False, room=1)
        (grant,) = (await queues.claim("default", claim, wait_ms=0)).grants
        queues.on_status(status_of("w", 1, RunningJob("j", "render", grant.token, 0.5, "half")))
        self.clock.advance(seconds=1)

    def open_stream(self) -> aiohttp.client._RequestContextManager:
        url = f"http://127.0.0.1:{self.http.port}{STREAM}"
        return self.http._session.get(url, headers=AUTHORIZED)


def with_scene(
    tmp_path: Path, use: Callable[[Scene], Awaitable[None]], policy: Policy | None = None
) -> None:
    with_asker(tmp_path, lambda api: use(Scene(api.http, api.clock)), policy=policy)


def test_what_is_answered_is_what_the_document_says(tmp_path: Path) -> None:
    async def use(scene: Scene) -> None:
        await scene.begin()
        view = await scene.get(MONITOR)
        assert view["busy_because"] == [
            "queue default has 1 pending, 1 leased",
            "worker w runs 1",
        ]
        assert view["summary"] == ["1 GPU worker busy: {render: 1}"]
        assert view["backlog"] == {"gpu": 1}
        assert (await scene.get("/api/v1/workers"))["workers"] == view["workers"]
        assert view["workers"][0]["running"][0]["note"] == "half"
        assert hud(view).startswith("1 worker, 1 busy")

    with_scene(tmp_path, use)


@pytest.mark.parametrize("path", PATHS)
def test_it_is_for_the_operator(tmp_path: Path, path: str) -> None:
    async def use(scene: Scene) -> None:
        assert (await scene.http.get(path)).status == 401

    with_scene(tmp_path, use)


@pytest.mark.parametrize("path", PATHS)
def test_a_node_that_places_nothing_has_no_monitor(tmp_path: Path, path: str) -> None:
    async def use(scene: Scene) -> None:
        assert await scene.code("GET", path) == (501, "scheduling_disabled")

    with_scene(tmp_path, use, Policy(mode=SchedulingMode.DISABLED))


async def next_event(reply: aiohttp.ClientResponse) -> tuple[int, Any]:
    """Return the next event's id and data."""
    lines = (await reply.content.readuntil(b"\n\n")).decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines if line)
    assert fields["event"] == "view"
    return int(fields["id"]), orjson.loads(fields["data"])


def test_the_stream_has_each_look_in_order_and_ends_with_the_node(tmp_path: Path) -> None:
    async def use(scene: Scene) -> None:
        await scene.begin()
        scene.monitor.start()
        async with scene.open_stream() as reply:
            assert reply.headers["content-type"] == "text/event-stream"
            tick, view = await next_event(reply)
            assert list(faults({"$ref": "#/components/schemas/View"}, view)) == []
            assert (tick, view["workers"][0]["pulse"]) == (1, "ok")
            for expected in range(2, WORKER_STALE_MS // 1_000 + 3):
                await until(lambda: bool(scene.monitor._waiting))
                scene.clock.advance(seconds=1)
                tick, view = await next_event(reply)
                assert tick == expected == view["observer"]["tick"]
            assert view["workers"][0]["pulse"] == "stale"
            await until(lambda: bool(scene.monitor._waiting))
            scene.http.node.refuse_new_work()
            assert await reply.content.read() == b""

    with_scene(tmp_path, use)


def test_there_are_only_so_many_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MONITOR_STREAMS_MAX", 1)

    async def use(scene: Scene) -> None:
        async with scene.open_stream() as first:
            await next_event(first)
            async with scene.open_stream() as second:
                assert (second.status, second.headers["retry-after"]) == (429, "1")
        async with asyncio.timeout(30):
            while not await is_open(scene):
                pass  # the node has not heard yet that the first has gone

    async def is_open(scene: Scene) -> bool:
        async with scene.open_stream() as reply:
            return reply.status == 200

    with_scene(tmp_path, use)


def test_a_monitor_that_cannot_look_says_so_before_the_stream_begins(tmp_path: Path) -> None:
    async def use(scene: Scene) -> None:
        def fail() -> Sight:
            raise StoreError("the disk is gone")

        scene.monitor._look = fail
        async with scene.open_stream() as reply:
            assert (reply.status, reply.headers["seriatim-error"]) == (503, "store")

    with_scene(tmp_path, use)


def test_what_goes_wrong_in_the_middle_of_a_stream_breaks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A problem behind it, in the same reply, would be read as one more event."""

    async def use(scene: Scene) -> None:
        await scene.begin()
        scene.monitor.start()
        async with scene.open_stream() as reply:
            await next_event(reply)
            await until(lambda: bool(scene.monitor._waiting))
            monkeypatch.setattr(module, "_event", lambda view: view["no such key"])
            scene.clock.advance(seconds=1)
            with pytest.raises(aiohttp.ClientError):
                await reply.content.read()

    with_scene(tmp_path, use)


def test_a_quiet_stream_says_that_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STREAM_COMMENT_MS", 1)

    async def use(scene: Scene) -> None:
        async with scene.open_stream() as reply:
            await next_event(reply)
            assert await reply.content.readuntil(b"\n\n") == b": nothing new\n\n"

    with_scene(tmp_path, use)


def test_the_head_of_a_stream_is_no_stream(tmp_path: Path) -> None:
    async def use(scene: Scene) -> None:
        reply = await scene.http.send("HEAD", STREAM, b"", **AUTHORIZED)
        assert (reply.status, reply.body) == (200, b"")

    with_scene(tmp_path, use)
