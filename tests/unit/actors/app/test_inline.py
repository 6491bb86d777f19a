"""Inline, a queue's rules are those of a real one: the same scenes, on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import seriatim
from seriatim.formats.errors import JobError, RefusedError, SchedulerError
from seriatim.testing import rehearse

pytestmark = pytest.mark.asyncio

app = seriatim.App()
attempts: list[int] = []
gate = asyncio.Event()


@app.job
async def good(number: int = 1) -> int:
    return number


@app.job(fail_on=(ValueError,), retries=2)
def bad() -> int:
    raise ValueError("no")


@app.job
def text() -> str:
    return "text"


@app.job
def odd() -> object:
    return object()


@app.job
def leaves() -> None:
    raise SystemExit(3)


@app.job(retries=3, backoff={"base_ms": 60_000})
async def at_last(needed: int) -> int:
    attempts.append(seriatim.current_job().attempt)
    if len(attempts) < needed:
        raise OSError("away")
    return len(attempts)


@app.job
async def deep(depth: int) -> int:
    return depth if depth == 0 else 1 + await (await deep.submit(depth - 1))


@app.job(concurrency=2)
async def held() -> str:
    await gate.wait()
    return "let go"


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Any]:
    """Open the app inline, or with a real queue; give what has everything run."""
    attempts.clear()
    gate.clear()
    if kind == "inline":
        with app.inline():
            yield _nothing
    else:
        async with rehearse(app, folder) as rehearsal:
            await rehearsal.running.set(resources={"gpu": 2})
            yield rehearsal.drain


async def _nothing() -> None:
    """Everything has run."""


both = pytest.mark.parametrize("kind", ["inline", "real"])


async def said(handle: seriatim.Handle[Any]) -> Any:
    """Return what has become of a job: its result, or state and code."""
    try:
        return await handle
    except JobError as error:
        return error.state, error.code


@both
async def test_what_becomes_of_a_child_is_what_its_edge_says(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as drain:
        parent = await bad.submit()
        run, failed, skipped = (
            await good.options(after_any_end=[parent]).submit(),
            await good.options(after=[parent]).submit(),
            await good.options(unless_failed=[parent]).submit(),
        )
        wanting = await good.submit(parent.output)
        late = await good.options(after=["later"]).submit(5)
        await good.options(id="later").submit()
        await drain()
        assert [await said(each) for each in (run, failed, skipped, wanting, late)] == [
            1,
            ("failed", "parent_failed"),
            ("cancelled", "parent_failed"),
            ("failed", "parent_failed"),
            5,
        ]


@both
async def test_how_an_attempt_ends_is_said_in_the_same_words(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as drain:
        jobs: list[seriatim.Handle[Any]] = [await odd.submit(), await bad.submit()]
        jobs.append(await leaves.submit())
        jobs.append(await good.submit((await text.submit()).output))  # type: ignore[arg-type]  # that is the point
        await drain()
        codes = [await said(each) for each in jobs]
        assert [code for _, code in codes] == ["bad_result", "raised", "raised", "bad_args"]
        shown = await jobs[1].show()
        assert (shown["state"], shown["attempts"], shown["error"]["reason"]) == ("failed", 1, "no")


@both
async def test_what_fails_is_tried_again(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as drain:
        handle = await at_last.submit(3)
        await drain()
        assert (await handle, attempts) == (3, [1, 2, 3])
        failing = await at_last.submit(9)
        await drain()
        assert await said(failing) == ("failed", "raised")
        await failing.retry()
        await drain()
        assert await failing == 9


@both
async def test_the_same_again_is_the_same_job_and_another_one_is_refused(
    kind: str, tmp_path: Path
) -> None:
    async with opened(kind, tmp_path) as drain:
        first = await good.options(id="one").submit(1)
        again = await good.options(id="one").submit(1)
        assert (again.id, again.repeated) == (first.id, True)
        unique = {"key": "k", "states": ["pending", "leased", "scheduled", "done"]}
        one = await good.options(unique=unique).submit(1)
        await drain()
        assert (await good.options(unique=unique).submit(2)).id == one.id
        codes = []
        for refused in (
            good.options(id="one").submit(2),
            good.options(after=[good.prepare().id]).submit(),
            app.submit(
                good.options(id="x", after=["y"]).prepare(),
                good.options(id="y", after=["x"]).prepare(),
            ),
            first.cancel(),
            first.retry(),
        ):
            with pytest.raises(SchedulerError) as raised:
                await refused
            codes.append(raised.value.code)
        assert codes == ["conflict", "not_found", "cycle", "ended", "not_ended"]


@both
async def test_a_job_that_takes_tokens_or_comes_later_runs(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as drain:
        taking = await good.options(takes={"gpu": 2}, key="k").submit(2)
        late = await good.options(delay="1 hour").submit(3)
        await drain()
        assert (await taking, await late) == (2, 3)


async def test_jobs_may_wait_for_jobs_of_their_own_type() -> None:
    """A real queue runs as many as ``concurrency`` says; here, they are within each other."""
    with app.inline() as jobs:
        assert await (await deep.submit(3)) == 3
        jobs.assert_enqueued(deep, times=4)
        assert jobs.submitted[0].spec["args"].raw == b'{"depth":3}'


async def test_a_job_that_nothing_can_have_run_is_not_waited_for() -> None:
    with app.inline():
        handle = await good.options(after=["nobody"]).submit()
        assert await handle.state() == "blocked"
        with pytest.raises(RefusedError, match="nobody") as raised:
            await handle
        assert raised.value.code == "not_run"
        await handle.cancel()
        assert await said(handle) == ("cancelled", "cancelled")


async def test_a_job_that_another_coroutine_has_submitted_is_waited_for() -> None:
    gate.clear()
    with app.inline():
        submitting = asyncio.ensure_future(held.options(id="held").submit())
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(held.handle("held").result())
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        assert await waiting == "let go"
        assert await (await submitting) == "let go"
