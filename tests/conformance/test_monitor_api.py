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
from seriatim.actors.runtime.virtual_clock import VirtualClock
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.status import RunningJob
from seriatim.formats.limits import WORKER_STALE_MS
from seriatim.formats.monitor.hud import hud
from seriatim.formats.schedule.mode import SchedulingMode
from seriatim.gateway.http.api import monitor as module
from seriatim.gateway.http.operator import Operator
from tests.support.builders import NODE
from tests.support.http_node import HttpNode, serving
from tests.support.statuses import status_of
from tests.support.strategies import known_wallet
from tests.support.waiting import until

TOKEN: Final = "a-token"
AUTHORIZED: Final = {"authorization": f"Bearer {TOKEN}"}
PATHS: Final = ("/api/v1/workers", "/api/v1/monitor", "/api/v1/monitor/stream")
DOCUMENT: Final[dict[str, Any]] = orjson.loads(
    (Path(module.__file__).parent / "openapi.json").read_bytes()
)


class Scene:
    """A node with a job, a worker that says that it runs it, and time that is told to pass."""

    def __init__(self, http: HttpNode, clock: VirtualClock) -> None:
        self.http = http
        self.clock = clock
        assert http.node.monitor is not None
        self.monitor: Monitor = http.node.monitor

    async def get(self, path: str) -> Any:
        reply = await self.http.get(path, **AUTHORIZED)
        assert reply.status == 200, reply.body
        return reply.json()

    async def begin(self) -> None:
        queues = self.http.node.queues
        assert queues is not None
        await queues.submit("default", [read_asked({"type": "render"})])
        queues.on_status(status_of("w", 1, RunningJob("j", "render", 1, 0.5, "half")))
        self.clock.advance(seconds=1)

    def open_stream(self) -> aiohttp.client._RequestContextManager:
        url = f"http://127.0.0.1:{self.http.port}{PATHS[2]}"
        return self.http._session.get(url, headers=AUTHORIZED)


def with_scene(
    tmp_path: Path, use: Callable[[Scene], Awaitable[None]], policy: Policy | None = None
) -> None:
    async def main() -> None:
        clock = VirtualClock()
        async with serving(
            tmp_path,
            wallet=known_wallet(NODE),
            operator=Operator(TOKEN),
            clock=clock,
            policy=policy,
        ) as http:
            await use(Scene(http, clock))

    asyncio.run(main())


def check(value: Any, schema: dict[str, Any]) -> None:
    """Check that *value* has what *schema*, of the document, says, and nothing else."""
    schema = DOCUMENT["components"]["schemas"].get(
        schema.get("$ref", "").rpartition("/")[2], schema
    )
    if isinstance(value, list):
        for each in value:
            check(each, schema["items"])
    elif isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys()
        for name, each in value.items():
            check(each, schema["properties"][name])
    elif isinstance(value, dict):
        for each in value.values():
            check(each, schema["additionalProperties"])
    elif "enum" in schema:
        assert value in schema["enum"]


def test_what_is_answered_is_what_the_document_says(tmp_path: Path) -> None:
    async def use(scene: Scene) -> None:
        await scene.begin()
        view = await scene.get("/api/v1/monitor")
        check(view, {"$ref": "#/components/schemas/View"})
        assert view["busy_because"] == ["queue default has 1 pending"]
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
    async def main() -> None:
        async with serving(
            tmp_path,
            wallet=known_wallet(NODE),
            operator=Operator(TOKEN),
            policy=Policy(mode=SchedulingMode.DISABLED),
        ) as http:
            assert (await http.get(path, **AUTHORIZED)).status == 501

    asyncio.run(main())


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
            check(view, {"$ref": "#/components/schemas/View"})
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


@pytest.mark.slow
def test_there_are_only_so_many_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MONITOR_STREAMS_MAX", 1)

    async def use(scene: Scene) -> None:
        async with scene.open_stream() as first:
            await next_event(first)
            async with scene.open_stream() as second:
                assert (second.status, second.headers["retry-after"]) == (429, "1")
        await until(lambda: bool(scene.monitor._waiting))
        scene.monitor.start()  # whose next look meets a client that has gone
        await until(lambda: not scene.monitor._waiting)
        scene.clock.advance(seconds=1)

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
        reply = await scene.http.send("HEAD", PATHS[2], b"", **AUTHORIZED)
        assert (reply.status, reply.body) == (200, b"")

    with_scene(tmp_path, use)
