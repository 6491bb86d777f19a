"""The app that is measured: one job, which does what those of the peers do."""

from __future__ import annotations

from typing import Final

from seriatim.actors.app.app import App
from seriatim.gateway.bench.jobs.record import run_job

AT_ONCE: Final = 64

app: Final = App()


@app.job(queue="bench", concurrency=AT_ONCE)
async def job(number: int) -> None:
    """Be the job *number*."""
    run_job(number)
