"""Procrastinate on PostgreSQL, with a worker of 10 tasks that listens for jobs."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

from seriatim.gateway.bench.jobs.producer import produce_async
from seriatim.gateway.bench.jobs.record import run_job
from seriatim.gateway.bench.jobs.stage import Stage

_CONCURRENCY: Final = 10
_CONNECTIONS: Final = 16


async def run_job_async(number: int) -> None:
    """Be a job on the worker's own loop; a plain function would take a thread each."""
    run_job(number)


async def run(role: str) -> None:
    """Work, or produce."""
    import procrastinate  # noqa: PLC0415  # nothing else needs it

    stage = Stage.of_this_process()
    connector = procrastinate.PsycopgConnector(
        conninfo=stage.urls["postgres"], min_size=_CONNECTIONS, max_size=_CONNECTIONS
    )
    app: Any = procrastinate.App(connector=connector)
    job = app.task(name="job")(run_job_async)
    async with app.open_async():
        if role == "work":
            await app.schema_manager.apply_schema_async()
            stage.say_ready()
            await app.run_worker_async(concurrency=_CONCURRENCY)
        else:
            await produce_async(lambda number: job.defer_async(number=number))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
