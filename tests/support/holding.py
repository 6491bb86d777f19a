"""Holding an event loop, as a job does that blocks there: it takes its time, as leases do."""

from __future__ import annotations

import time


def hold_loop(seconds: float) -> None:
    """Return in *seconds*, in which nothing else goes on where this runs."""
    time.sleep(seconds)
