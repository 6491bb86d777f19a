"""Being asked to stop, by a person or by a service manager."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from seriatim.formats.limits import STOP_AGAIN_MS

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock


def stop_signal(clock: Clock) -> asyncio.Event:
    """Return an event that the first SIGTERM or SIGINT sets; a second one ends at once.

    What comes within ``STOP_AGAIN_MS`` of the first is the same wish: whoever starts programs for
    others may send a signal to the program, and to its group as well.

    Call it once, on the event loop.

    Args:
        clock: says how long ago the first one was.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    first_ms: int | None = None

    def take(number: int) -> None:
        nonlocal first_ms
        now_ms = clock.monotonic_ms()
        if first_ms is None:
            first_ms = now_ms
        elif now_ms - first_ms >= STOP_AGAIN_MS:
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, take, number)
    return stop
