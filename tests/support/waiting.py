"""Waiting for what happens on the loop, by its condition: no number of turns, and no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # it is the product's, and has no event
            await asyncio.sleep(0)
