"""Coroutines that go on to their ends, whoever stops waiting for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


def unbroken(
    change: Callable[_Asked, Coroutine[Any, Any, _Answer]],
) -> Callable[_Asked, Coroutine[Any, Any, _Answer]]:
    """Have *change* go on to its end, though whoever has asked for it is cancelled meanwhile.

    What it has sent to the disk comes there all the same: what it holds, it holds until then.
    """

    @wraps(change)
    async def go_on(*args: _Asked.args, **named: _Asked.kwargs) -> _Answer:
        going_on = asyncio.ensure_future(change(*args, **named))
        # Where nobody waits any more, nobody has to hear how it has ended.
        going_on.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(going_on)

    return go_on
