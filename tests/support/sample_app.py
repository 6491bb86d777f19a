"""An app of jobs, for tests: each does what its name says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seriatim

app = seriatim.App()


@dataclass
class Picture:
    """What has an annotation that JSON does not know."""

    name: str
    width: int


@app.job
def add(first: int, second: int = 0) -> int:
    return first + second


@app.job(concurrency=4)
async def later(value: str) -> str:
    await asyncio.sleep(0)
    return value


@app.job
def area(picture: Picture, height: int) -> Picture:
    return Picture(picture.name, picture.width * height)


@app.job
def total(*numbers: int, **named: int) -> int:
    return sum(numbers) + sum(named.values())


@app.job(retries=2, backoff={"base_ms": 1_000, "jitter": 0.0}, fail_on=(KeyError,))
def fail(how: str) -> None:
    raise {"key": KeyError, "value": ValueError, "exit": SystemExit}[how](how)


@app.job
def odd() -> Any:
    return object()


@app.job
async def endless() -> None:
    await asyncio.Event().wait()


BEATS = asyncio.Event()
"""Has a `beating` job beat once more."""


@app.job
async def beating(times: int) -> None:
    for _ in range(times):
        await BEATS.wait()
        BEATS.clear()
        seriatim.current_job().heartbeat()
    await asyncio.Event().wait()


@app.job
def who() -> dict[str, Any]:
    job = seriatim.current_job()
    job.progress(0.5, "half")
    return {"id": job.id, "queue": job.queue, "slot": job.slot, "attempt": job.attempt}


@app.job
async def grow(depth: int) -> int:
    if depth:
        await grow.submit(depth - 1)
    return depth


@app.job(queue="heavy", run="process", timeout="20s")
def apart(path: str, picture: Picture) -> Picture:
    print("from a child")  # noqa: T201  # that is captured
    Path(path).write_text(picture.name)
    return Picture(picture.name, picture.width + 1)


@app.job(queue="heavy", run="process", type="apart_fails", fail_on=(ValueError,), retries=3)
def apart_fails() -> None:
    raise ValueError("in a child")
