"""Being asked to stop, by a person or by a service manager."""

from __future__ import annotations

import asyncio
import os
import signal


def stop_signal() -> asyncio.Event:
    """Return an event that the first SIGTERM or SIGINT sets; the second one ends at once.

    Call it once, on the event loop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, take, number)
    return stop
