"""Waiting for what happens on the loop, by its condition: no number of turns, and no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # it is the product's, and has no event
            await asyncio.sleep(0)


async def until_idle() -> None:
    """Return when nothing goes on until a clock, a thread or a socket says so.

    What has not happened by then does not happen by itself, however many turns it would take: the
    moment to look for what must not come. Of no use where threads or sockets are at work: the loop
    does not see those coming.
    """
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # asyncio tells nobody
    await asyncio.sleep(0)
    await until(lambda: not ready)  # who asks is not in it while it runs
