"""Queues of another node: what a worker says in parts, and whoever waits while it is away."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from seriatim.actors.app.access import Ending
from seriatim.actors.executor.executor import Executor
from seriatim.actors.queue.commands import Change, Purge, Purged, Submitted
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.worker.begin import begin_worker
from seriatim.actors.worker.guard import LoopGuard
from seriatim.actors.worker.handler import Handler, Place
from seriatim.actors.worker.running import Runner
from seriatim.actors.worker.threads import Threads
from seriatim.actors.worker.worker import Worker
from seriatim.formats.errors import NoNodeError, UnavailableError
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import BODY_MAX_BYTES, JOB_RESULT_MAX_BYTES
from seriatim.gateway.api_client import ApiClient, connect_api
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.remote_jobs import RemoteJobs
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet
from tests.support.unanswered import unanswered
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

MANY = BODY_MAX_BYTES // JOB_RESULT_MAX_BYTES + 2


@pytest.mark.slow
async def test_what_has_ended_at_once_is_said_in_as_many_reports_as_it_takes(
    tmp_path: Path,
) -> None:
    """One that no node takes would be said again and again, and everything in it be lost."""
    everybody = asyncio.Barrier(MANY)

    async def large(_: object) -> bytes:
        await everybody.wait()
        return b'"%s"' % (b"x" * (JOB_RESULT_MAX_BYTES - 2))

    clock = SystemClock(asyncio.get_running_loop())
    handler = Handler("large", Place.LOOP, large, lambda _: False, unanswered)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN))
        )
        url = f"http://127.0.0.1:{http.port}"
        access = RemoteJobs(
            await stack.enter_async_context(connect_api(url, TOKEN)), clock, os.urandom
        )
        queues = http.node.queues
        assert queues is not None
        await access.submit("q", [read_asked({"type": "large"}) for _ in range(MANY)])
        await access.ask("q", Change({"types": {"large": MANY}}))
        guard = LoopGuard(clock)
        stack.callback(guard.close)
        executor = Executor(clock, os.environ, 1)
        stack.push_async_callback(executor.close)
        worker = Worker(
            access,
            name="w",
            queue="q",
            runner=Runner({"large": handler}, Threads("large"), executor),
            room=MANY,
            clock=clock,
            is_local=False,
            guard=guard,
        )
        worker.start()
        stack.push_async_callback(worker.close)
        assert await access.idle("q", wait_ms=20_000) is not None
        assert queues.reader.now("q").states == {"done": MANY}


async def test_a_grant_that_is_on_its_way_to_a_worker_that_ends_is_given_back(
    tmp_path: Path,
) -> None:
    clock = SystemClock(asyncio.get_running_loop())
    async with (
        AsyncExitStack() as stack,
        serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        connect_api(f"http://127.0.0.1:{http.port}", TOKEN) as client,
    ):
        queues = http.node.queues
        assert queues is not None
        access = RemoteJobs(client, clock, os.urandom)
        await access.submit("q", [read_asked({"type": "t"})])
        guard = LoopGuard(clock)
        stack.callback(guard.close)
        worker = begin_worker(
            stack,
            access,
            queue="q",
            handlers={"t": Handler("t", Place.LOOP, _never, lambda _: False, unanswered)},
            room=1,
            clock=clock,
            entropy=os.urandom,
            is_local=False,
            guard=guard,
        )
        await until(lambda: queues.reader.now("q").states == {"leased": 1})
        assert not worker.running
        await worker.close()
        assert queues.reader.now("q").states == {"pending": 1}


async def _never(_: object) -> bytes:
    await asyncio.Event().wait()
    return b""


async def test_a_look_at_a_node_that_is_away_fails_at_once_where_it_is_not_to_wait() -> None:
    clock = SystemClock(asyncio.get_running_loop())
    async with connect_api("http://127.0.0.1:9", TOKEN) as client:
        access = RemoteJobs(client, clock, os.urandom)
        with pytest.raises(UnavailableError):
            await access.idle("q", wait_ms=0)
        assert await access.ending("q", "one", wait_ms=1) is None


@asynccontextmanager
async def answered_by(answers: deque[dict[str, Any]]) -> AsyncIterator[RemoteJobs]:
    """Open the queues of a node that answers so, whatever it is asked."""

    class Client(ApiClient):
        async def ask(self, *asked: Any, **more: Any) -> dict[str, Any]:
            del asked, more
            return answers.popleft()

    clock = SystemClock(asyncio.get_running_loop())
    async with aiohttp.ClientSession() as session:
        yield RemoteJobs(Client(session, "http://127.0.0.1:9"), clock, os.urandom)


async def test_a_node_that_stops_is_waited_for_as_one_that_is_away() -> None:
    """It answers at once then; who took that for the time being up would give up too early."""
    answers: deque[dict[str, Any]] = deque(
        [
            {"jobs": [], "unknown": []},
            {"jobs": [{"id": "one", "state": "done", "result": 1}], "unknown": []},
            {"slot": None},
            {"slot": 7},
        ]
    )

    async with answered_by(answers) as access:
        ending = await access.ending("q", "one", wait_ms=20_000)
        assert ending == Ending("done", b"1", {})
        assert await access.idle("q", wait_ms=20_000) == 7


@pytest.mark.parametrize("wait_ms", [0, 20_000])
async def test_an_end_that_no_node_would_tell_is_an_error(wait_ms: int) -> None:
    found = {"id": "one"}
    async with answered_by(deque([{"job": found, "jobs": [found], "unknown": []}])) as access:
        with pytest.raises(NoNodeError, match="a reply without state"):
            await access.ending("q", "one", wait_ms=wait_ms)


async def test_a_queue_that_is_not_there_is_idle_as_it_is_for_a_node_in_the_program(
    tmp_path: Path,
) -> None:
    clock = SystemClock(asyncio.get_running_loop())
    async with (
        serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        connect_api(f"http://127.0.0.1:{http.port}", TOKEN) as client,
    ):
        access = RemoteJobs(client, clock, os.urandom)
        assert await access.idle("nobody", wait_ms=0) == 0


async def test_a_purge_is_answered_as_by_a_node_in_the_program(tmp_path: Path) -> None:
    clock = SystemClock(asyncio.get_running_loop())
    async with (
        serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        connect_api(f"http://127.0.0.1:{http.port}", TOKEN) as client,
    ):
        access = RemoteJobs(client, clock, os.urandom)
        await access.submit("q", [read_asked({"type": "t"}), read_asked({"type": "t"})])
        assert await access.ask("q", Purge(JobState.PENDING)) == Purged(cancelled=2, left=0)


async def test_a_job_that_is_unique_by_its_arguments_is_so_at_another_node(tmp_path: Path) -> None:
    clock = SystemClock(asyncio.get_running_loop())
    async with (
        serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http,
        connect_api(f"http://127.0.0.1:{http.port}", TOKEN) as client,
    ):
        access = RemoteJobs(client, clock, os.urandom)
        one, other = (
            read_asked({"type": "t", "unique": {"window_ms": 60_000}, "args": {"n": n}})
            for n in (1, 2)
        )
        (first,) = await access.submit("q", [one])
        assert await access.submit("q", [one]) == [Submitted(first.id, repeated=True)]
        assert not (await access.submit("q", [other]))[0].repeated
