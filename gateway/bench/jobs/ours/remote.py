"""Ours with a node: a worker, and a producer that submits over HTTP."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from yarl import URL

from seriatim.gateway.bench.jobs.ours.bench_app import AT_ONCE, app, job
from seriatim.gateway.bench.jobs.producer import produce_async
from seriatim.gateway.bench.jobs.stage import Stage
from seriatim.gateway.remote_jobs import connect
from seriatim.gateway.working import Work, run_worker


async def main(role: str) -> None:
    """Work, or produce."""
    stage = Stage.of_this_process()
    where = URL(stage.urls["seriatim"])
    url, token = str(where.origin()), where.password or ""
    if role == "work":
        work = Work(
            modules=("seriatim.gateway.bench.jobs.ours.bench_app",),
            queues=(),
            room=AT_ONCE,
            category="",
            takes_commands=False,
            drains=False,
        )

        async def find() -> tuple[str, str]:
            return url, token

        await run_worker(find, work, lambda _: stage.say_ready())
        return
    async with connect(app, url, token):

        async def enqueue(number: int) -> Any:
            return await job.submit(number)

        await produce_async(enqueue)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
