"""A worker of another node: how it begins, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from seriatim.actors.app.access import NodeJobs
from seriatim.actors.app.app import App
from seriatim.actors.queue.queues import Queues
from seriatim.formats.errors import (
    MalformedError,
    NoNodeError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.formats.limits import JOB_NAME_MAX_CHARS
from seriatim.gateway import working
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.remote_jobs import RemoteJobs
from seriatim.gateway.worker_tether import WorkerTether
from seriatim.gateway.working import Find, Work, run_worker
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.listening import listening
from tests.support.strategies import known_wallet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

MODULE = "tests.support.sample_app"
COMMANDS = Work((), ("q",), 1, "", takes_commands=True, drains=False)


@asynccontextmanager
async def node(tmp_path: Path) -> AsyncIterator[tuple[str, Queues]]:
    """Serve a node; give its URL, and its queues."""
    async with serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http:
        assert http.node.queues is not None
        yield f"http://127.0.0.1:{http.port}", http.node.queues


def at(url: str, token: str = TOKEN) -> Find:
    """Return what finds the node at *url*, whether it is there or not."""

    async def find() -> tuple[str, str]:
        return url, token

    return find


async def test_a_worker_whose_tether_has_ended_gives_back_what_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And looks at it once: at its end it can be read for ever."""
    own, others = socket.socketpair()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(working, "WORKER_DRAIN_MS", 0)
    with own, others:
        async with node(tmp_path) as (url, queues):
            sleep = {"command": {"argv": ["sleep", "600"]}, "id": "one", "type": "sleep"}
            await queues.submit("q", [read_asked(sleep)])
            work = COMMANDS._replace(tether=WorkerTether(own))
            running = asyncio.ensure_future(run_worker(at(url), work, lambda _: None))
            await until(lambda: _state(queues) is JobState.LEASED)
            others.close()
            assert await running is None
            assert _state(queues) is JobState.PENDING
            assert not loop.remove_reader(own.fileno())


def _state(queues: Queues) -> JobState | None:
    found = queues.reader.job("q", "one")
    return None if found is None else found.state


async def test_a_worker_that_drains_a_queue_that_is_not_there_has_nothing_to_say(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(tmp_path) as (url, _):
        with caplog.at_level(logging.WARNING):
            work = COMMANDS._replace(drains=True)
            assert await run_worker(at(url), work, lambda _: None) is None
    assert not caplog.records


class Absent:
    """What finds no node at first.

    Attributes:
        asked: how often it was asked.
        url: where the node is, once it is there.
    """

    def __init__(self, *reasons: str) -> None:
        self.asked = 0
        self.url = ""
        self._reasons = reasons

    async def __call__(self) -> tuple[str, str]:
        self.asked += 1
        if not self.url:
            raise UnavailableError(self._reasons[min(self.asked, len(self._reasons)) - 1])
        return self.url, TOKEN


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody rest for long between two tries."""
    monkeypatch.setattr(working, "WORKER_PAUSE_MIN_MS", 0)
    monkeypatch.setattr(working, "WORKER_PAUSE_MAX_MS", 0)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("drains", [False, True])
async def test_a_worker_waits_for_a_node_that_is_not_there_yet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, drains: bool
) -> None:
    """With a line for each reason, and not for each try."""
    find, names = Absent("nobody", "nobody", "it starts"), list[str]()
    with caplog.at_level(logging.WARNING):
        running = asyncio.ensure_future(
            run_worker(find, COMMANDS._replace(drains=drains), names.extend)
        )
        await until(lambda: find.asked > 5)
        assert not names
        async with node(tmp_path) as (url, queues):
            job = {"command": {"argv": ["true"]}, "id": "one", "type": "t"}
            await queues.submit("q", [read_asked(job)])
            find.url = url
            await until(lambda: _state(queues) is JobState.DONE)
            if not drains:
                os.kill(os.getpid(), signal.SIGTERM)
            assert await running is None
    assert len(names) == 1
    waited = [line for line in caplog.messages if line.startswith("the node is waited for")]
    assert [line.rpartition(": ")[2] for line in waited] == ["nobody", "it starts"]


@pytest.mark.usefixtures("soon")
async def test_a_worker_that_waits_for_a_node_ends_when_it_is_told_to() -> None:
    find = Absent("nobody")
    running = asyncio.ensure_future(run_worker(find, COMMANDS, lambda _: None))
    await until(lambda: find.asked > 5)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running is None


@pytest.mark.usefixtures("soon")
async def test_a_node_that_goes_away_while_it_is_told_of_the_functions_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, declare = list[int](), App.declare

    async def fail_once(app: App, access: NodeJobs) -> None:
        told.append(1)
        if len(told) == 1:
            raise UnavailableError("gone")
        await declare(app, access)

    monkeypatch.setattr(App, "declare", fail_once)
    async with node(tmp_path) as (url, _):
        work = COMMANDS._replace(modules=[MODULE], queues=(), takes_commands=False, drains=True)
        assert await run_worker(at(url), work, lambda _: None) is None
    assert len(told) == 2


async def test_a_worker_with_a_wrong_token_is_refused_at_once(tmp_path: Path) -> None:
    """Also one that has no functions to tell of."""
    async with node(tmp_path) as (url, _):
        with pytest.raises(RefusedError, match="token"):
            await run_worker(at(url, "A" * 43), COMMANDS, lambda _: None)


@pytest.mark.parametrize("queue", ["", "no such/x", "-x", "x" * (JOB_NAME_MAX_CHARS + 1)])
async def test_a_queue_that_cannot_be_is_refused_at_once(queue: str) -> None:
    work = COMMANDS._replace(queues=(queue,))
    with pytest.raises(MalformedError, match="queue: expected 1 to 64 letters"):
        await run_worker(at("http://127.0.0.1:9"), work, lambda _: None)


async def test_a_queue_with_as_long_a_name_as_may_be_is_worked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "a-very-long-name-of-a-host.example")
    queue = "q" * JOB_NAME_MAX_CHARS
    async with node(tmp_path) as (url, queues):
        said = {"type": "t", "id": "one", "command": {"argv": ["true"]}}
        await queues.submit(queue, [read_asked(said)])
        work = COMMANDS._replace(queues=(queue,), drains=True)
        assert await run_worker(at(url), work, lambda _: None) is None
        job = queues.reader.job(queue, "one")
        assert job is not None
        assert job.state is JobState.DONE


async def test_a_worker_waits_for_nobody_who_answers_and_is_no_node(tmp_path: Path) -> None:
    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>")

    async with listening(answer) as port:
        for scheme in ("http", "https"):
            with pytest.raises(NoNodeError):
                await run_worker(at(f"{scheme}://127.0.0.1:{port}"), COMMANDS, lambda _: None)


@pytest.mark.slow
async def test_jobs_of_a_worker_elsewhere_add_jobs_from_wherever_they_run(tmp_path: Path) -> None:
    kinds = ["on_loop", "in_thread", "in_child", "on_loop_of_child"]
    async with node(tmp_path) as (url, queues):
        said = [{"type": kind, "id": kind, "args": {"number": 6}} for kind in kinds]
        await queues.submit("adding", [read_asked(each) for each in said])
        work = Work(["tests.support.adding_app"], (), 0, "", takes_commands=False, drains=True)
        assert await run_worker(at(url), work, lambda _: None) is None
        found = [queues.reader.job("adding", kind) for kind in kinds]
        assert [job and (job.state, job.result) for job in found] == [(JobState.DONE, b"7")] * 4


async def test_a_worker_whose_token_is_of_no_use_any_more_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise UnauthorizedError

    monkeypatch.setattr(RemoteJobs, "claim", refuse)
    async with node(tmp_path) as (url, _):
        with pytest.raises(UnauthorizedError):
            await run_worker(at(url), COMMANDS, lambda _: None)
