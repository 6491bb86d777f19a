"""Attempts that nobody leaves half-done: who is cancelled has it killed, and waits until it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")


async def to_the_end(attempt: Coroutine[Any, Any, _Answer], kill: Callable[[], object]) -> _Answer:
    """Return what *attempt* does; who is cancelled meanwhile calls *kill*, and waits all the same.

    *kill* makes the attempt end soon. It is never cancelled itself, so that it can put away what it
    has begun.
    """
    going = asyncio.ensure_future(attempt)
    try:
        return await asyncio.shield(going)
    except asyncio.CancelledError:
        kill()
        while not going.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([going])
        if not going.cancelled():
            going.exception()  # nobody else hears of it
        raise
