"""A worker of another node: how it begins, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from seriatim.actors.queue.queues import Queues
from seriatim.formats.errors import MalformedError, RefusedError, UnauthorizedError
from seriatim.formats.jobs.spec import read_asked
from seriatim.formats.jobs.state import JobState
from seriatim.gateway import worker_child, working
from seriatim.gateway.http.operator import Operator
from seriatim.gateway.remote_jobs import RemoteJobs
from seriatim.gateway.worker_child import working_beside
from seriatim.gateway.working import Work, load_apps, run_worker
from tests.support.asker import TOKEN
from tests.support.builders import NODE
from tests.support.http_node import serving
from tests.support.strategies import known_wallet
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

COMMANDS = Work((), ("q",), 1, "", takes_commands=True, drains=False)


@asynccontextmanager
async def node(tmp_path: Path) -> AsyncIterator[tuple[str, Queues]]:
    """Serve a node; give its URL, and its queues."""
    async with serving(tmp_path, wallet=known_wallet(NODE), operator=Operator(TOKEN)) as http:
        assert http.node.queues is not None
        yield f"http://127.0.0.1:{http.port}", http.node.queues


async def test_a_worker_whose_stdin_has_ended_gives_back_what_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And looks at its stdin once: at its end it can be read for ever."""
    read, write = os.pipe()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(working, "WORKER_DRAIN_MS", 0)
    with os.fdopen(read) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        async with node(tmp_path) as (url, queues):
            sleep = {"command": {"argv": ["sleep", "600"]}, "id": "one", "type": "sleep"}
            await queues.submit("q", [read_asked(sleep)])
            work = COMMANDS._replace(until_eof=True)
            running = asyncio.ensure_future(run_worker(url, TOKEN, work, lambda _: None))
            await until(lambda: _state(queues) is JobState.LEASED)
            os.close(write)
            assert await running is None
            assert _state(queues) is JobState.PENDING
            assert not loop.remove_reader(stdin.fileno())


def _state(queues: Queues) -> JobState | None:
    found = queues.reader.job("q", "one")
    return None if found is None else found.state


async def test_a_worker_that_drains_a_queue_that_is_not_there_has_nothing_to_say(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with node(tmp_path) as (url, _):
        with caplog.at_level(logging.WARNING):
            work = COMMANDS._replace(drains=True)
            assert await run_worker(url, TOKEN, work, lambda _: None) is None
    assert not caplog.records


async def test_a_module_that_ends_the_program_is_none_for_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_the_program.py").write_text("import sys\n\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MalformedError, match="SystemExit") as raised:
        load_apps("ends_the_program")
    assert raised.value.code == "bad_module"


async def test_a_worker_beside_a_node_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried, real = 0, asyncio.create_subprocess_exec

    async def exec_one(*command: str, **options: Any) -> Process:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return await real(sys.executable, "-c", "input()", **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", exec_one)
    monkeypatch.setattr(worker_child, "WORKER_PAUSE_MIN_MS", 0)
    with caplog.at_level(logging.WARNING):
        async with working_beside("http://127.0.0.1:1", tmp_path, ["m"]):
            await until(lambda: tried == 2)
    assert "could not be started" in caplog.text


async def test_a_worker_whose_token_is_of_no_use_any_more_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise UnauthorizedError

    monkeypatch.setattr(RemoteJobs, "claim", refuse)
    async with node(tmp_path) as (url, _):
        with pytest.raises(RefusedError):
            await run_worker(url, TOKEN, COMMANDS, lambda _: None)
