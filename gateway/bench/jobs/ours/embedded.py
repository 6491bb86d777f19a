"""Ours in one program, which submits and works: ``app.open(folder)``, and nothing else runs.

By the word ``watched``, a monitor does: an OS process that looks at the folder once a second.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from seriatim.gateway.bench.jobs.ours import WATCHED
from seriatim.gateway.bench.jobs.ours.bench_app import app, job
from seriatim.gateway.bench.jobs.producer import produce_async
from seriatim.gateway.bench.jobs.stage import Stage


async def main(*, is_watched: bool) -> None:
    """Produce and work, until stdin ends."""
    data = Stage.of_this_process().data

    async def enqueue(number: int) -> Any:
        return await job.submit(number)

    async with app.open(data):
        if not is_watched:
            await produce_async(enqueue)
            return
        async with _monitor(data):
            await produce_async(enqueue)


@asynccontextmanager
async def _monitor(data: Path) -> AsyncIterator[None]:
    """Have *data* watched for as long as the block runs, which begins after the first look."""
    command = ("-m", "seriatim", "monitor", "--data", str(data), "--json")
    monitor = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert monitor.stdout is not None, "a pipe was asked for"
    if not await monitor.stdout.readline():
        sys.exit("the monitor has ended before its first look")
    reading = asyncio.create_task(monitor.stdout.read())  # nobody waits for a full pipe
    try:
        yield
        if reading.done():
            sys.exit("the monitor has ended before the jobs have")
    finally:
        with suppress(ProcessLookupError):
            monitor.terminate()
        await reading
        await monitor.wait()


if __name__ == "__main__":
    asyncio.run(main(is_watched=WATCHED in sys.argv))
