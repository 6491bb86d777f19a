"""An app that is closed and opened again: what it ran is given back, and is no crash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import seriatim
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
