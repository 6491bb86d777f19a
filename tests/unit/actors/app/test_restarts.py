"""An app that is closed and opened again: what it ran is given back, and is no crash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import seriatim
from seriatim.testing import rehearse
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

OPENED = 5


async def test_a_job_outlives_any_number_of_restarts(tmp_path: Path) -> None:
    app, go = seriatim.App(), asyncio.Event()

    @app.job(concurrency=2, crashes_max=1)
    async def slow() -> int:
        await go.wait()
        return 1

    async with app.open(tmp_path, work=False):
        job = (await slow.submit()).id
    for number in range(1, OPENED + 1):
        async with app.open(tmp_path) as running:
            await until(lambda: job in running.workers[0].running)
            shown = await running.show(job)
            assert (shown["state"], shown["attempts"]) == ("leased", number)
    go.set()
    async with app.open(tmp_path) as running:
        await running.drain()
        shown = await running.show(job)
        assert (shown["state"], shown["attempts"]) == ("done", OPENED + 1)


async def test_a_job_that_takes_too_long_is_told_so_however_much_time_passes_at_once(
    tmp_path: Path,
) -> None:
    """Its worker was idle when it began, and renews its lease all the same."""
    app = seriatim.App()

    @app.job(timeout="1 minute", lease="3 seconds")
    async def endless() -> None:
        await asyncio.Event().wait()

    async with rehearse(app, tmp_path) as rehearsal:
        await rehearsal.pass_time(seconds=30)
        handle = await endless.submit()
        await rehearsal.pass_time(minutes=2)
        shown = await rehearsal.running.show(handle.id)
        assert (shown["state"], shown["attempts"]) == ("failed", 1)
        assert shown["failures"][-1]["code"] == "timeout"


async def test_a_worker_that_has_drained_swallows_no_job(tmp_path: Path) -> None:
    app = seriatim.App()

    @app.job(crashes_max=1)
    async def quick() -> int:
        return 1

    async with app.open(tmp_path) as running:
        await (await quick.submit())
        (worker,) = running.workers
        await worker.drain()
        later = await quick.submit()
        await running.work("default")
        assert await later == 1
        assert (await running.show(later.id))["attempts"] == 1
