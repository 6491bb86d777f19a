"""Ours in one program, which submits and works: ``app.open(folder)``, and nothing else runs."""

from __future__ import annotations

import asyncio
from typing import Any

from seriatim.gateway.bench.jobs.ours.bench_app import app, job
from seriatim.gateway.bench.jobs.producer import produce_async
from seriatim.gateway.bench.jobs.stage import Stage


async def main() -> None:
    """Produce and work, until stdin ends."""
    async with app.open(Stage.of_this_process().folder / "data"):

        async def enqueue(number: int) -> Any:
            return await job.submit(number)

        await produce_async(enqueue)


if __name__ == "__main__":
    asyncio.run(main())
