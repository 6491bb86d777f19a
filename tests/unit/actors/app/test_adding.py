"""Jobs that add jobs while they run, from wherever they run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.actors.app.running_app import RunningApp
from seriatim.formats.errors import JobError, RefusedError, StoppingError
from seriatim.formats.jobs.state import JobState
from seriatim.testing import rehearse
from tests.support import adding_app
from tests.support.adding_app import app, leaf, other
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Any]:
    async with app.open(folder) as running:
        yield running


@asynccontextmanager
async def working_beside(running: RunningApp, another: seriatim.App) -> AsyncIterator[None]:
    """Run the jobs of *another* app in the node of *running*, too."""
    async with AsyncExitStack() as stack:
        access = running._access
        stack.enter_context(another.attached(access))
        await another.declare(access)
        beside = RunningApp(running.node, another, access, running.queues, stack)
        for queue in another.queues:
            await beside.work(queue)
        yield


@pytest.mark.parametrize("kind", ["on_loop", "in_thread", "in_child", "on_loop_of_child"])
async def test_a_job_adds_jobs_and_waits_for_them_from_wherever_it_runs(
    tmp_path: Path, kind: str
) -> None:
    async with opened(tmp_path):
        assert await (await app.functions[kind].submit(6)) == 7


async def test_in_a_child_there_are_the_verbs_that_there_are_elsewhere(tmp_path: Path) -> None:
    """In its threads, too, and for functions of other apps."""
    async with opened(tmp_path) as running, working_beside(running, other):
        found = await (await adding_app.all_verbs_in_child.submit())
    assert found == {
        "results": [3, 2],
        "logs": "hello from a child\n",
        "state": "cancelled",
        "again": "scheduled",
        "of_thread": [8, 8, 8, 8],
        "other": 101,
    }


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("misused_in_thread", ["RefusedError no_loop", "RefusedError other_loop"]),
        ("misused_on_loop", ["RefusedError on_loop"]),
        ("misused_on_loop_of_child", ["RefusedError on_loop"]),
        (
            "misused_in_child",
            [
                "RefusedError no_loop",
                "TakenError conflict",
                "NotFoundError not_found",
                "MalformedError bad_args",
                "RefusedError ended",
                "NotFoundError not_found",
            ],
        ),
    ],
)
async def test_what_cannot_work_is_said_at_once_and_submits_nothing(
    tmp_path: Path, kind: str, codes: list[str]
) -> None:
    async with opened(tmp_path) as running:
        assert await (await app.functions[kind].submit()) == codes
        states = running.queues.reader.now("default").states
    assert states == ({"done": 1} if kind == "misused_in_child" else {})


@pytest.mark.parametrize("kind", ["refused_in_thread", "refused_in_child"])
async def test_a_job_that_fails_because_it_is_refused_says_so_once(
    tmp_path: Path, kind: str
) -> None:
    async with opened(tmp_path):
        await leaf.options(id="taken").submit(2)
        handle = await app.functions[kind].submit()
        with pytest.raises(JobError, match=r"is failed: TakenError: \w+ taken") as raised:
            await handle
    assert raised.value.error_type == "TakenError"
    assert not raised.value.reason.startswith("TakenError")


@pytest.mark.slow
async def test_a_child_that_dies_loses_nothing_that_it_has_added(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(JobError, match="SIGABRT"):
            await (await adding_app.dies_after_adding.submit())
        assert await leaf.handle("left_behind") == 2
        assert await (await adding_app.in_child.submit(1)) == 2


async def test_a_fork_of_a_job_adds_none(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert await (await adding_app.in_fork.submit()) == "RefusedError forked"


async def test_a_job_that_waits_for_another_one_is_stopped_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path) as running:
        handle = await adding_app.waits_for_ever.submit()
        await until(lambda: "scheduled" in running.queues.reader.now("default").states)
        await handle.cancel("enough")
        with pytest.raises(JobError, match="enough"):
            await handle
        assert await handle.logs() == "waiting\n"


async def test_another_loop_is_refused_whatever_it_asks(tmp_path: Path) -> None:
    async with opened(tmp_path):
        handle = await leaf.submit(1)

        async def elsewhere() -> list[str]:
            codes = []
            for asked in (
                leaf.submit(2),
                leaf.options(priority=1).submit(2),
                app.submit(leaf.prepare(2)),
                handle.result(),
                handle.show(),
                handle.cancel(),
                handle.retry(),
                handle.logs(),
            ):
                with pytest.raises(RefusedError) as raised:
                    await asked
                codes.append(raised.value.code)
            return codes

        codes = await asyncio.to_thread(asyncio.run, elsewhere())
        assert set(codes) == {"other_loop"}
        assert await handle == 2
        assert await leaf.handle(handle.id).state() is JobState.DONE


async def test_a_thread_that_comes_too_late_is_told_so(tmp_path: Path) -> None:
    async with opened(tmp_path):
        jobs = app.blocking_jobs()
        handle = await asyncio.to_thread(jobs.submit, leaf, 1)
        assert await asyncio.to_thread(handle.result, 20) == 2
    with pytest.raises(StoppingError):
        await asyncio.to_thread(handle.show)


async def test_a_thread_adds_jobs_in_virtual_time_too(tmp_path: Path) -> None:
    async with rehearse(app, tmp_path) as rehearsal:
        handle = await adding_app.in_thread.options(delay="1 hour").submit(3)
        await rehearsal.drain()
        assert await handle == 4


async def test_what_is_no_function_of_an_app_adds_no_jobs() -> None:
    context = seriatim.JobContext({}, lambda _: None)
    with pytest.raises(RefusedError) as raised:
        _ = context.jobs
    assert raised.value.code == "no_app"


async def test_inline_a_function_that_blocks_adds_jobs_too() -> None:
    """On a loop, it cannot wait for those that have to be awaited."""
    inline = seriatim.App()

    @inline.job
    def add(first: int, second: int) -> int:
        return first + second

    @inline.job
    def twice(number: int) -> int:
        return seriatim.current_job().jobs.submit(add, number, number).result()

    with inline.inline() as jobs:
        handle = await twice.submit(4)
        assert await handle == 8
        assert await handle.logs() == ""
        jobs.assert_enqueued(add, first=4)
