"""What this machine says of itself, as metrics that thresholds can watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from seriatim.formats.limits import THRESHOLD_EVERY_MIN_MS

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock


def machine_metrics(folder: Path, clock: Clock) -> Mapping[str, Callable[[], float]]:
    """Return the metrics of this machine, by name; each is a percentage, 0 to 100.

    Args:
        folder: the data folder.
        clock: tells when the machine's work is measured anew.

    Returns:
        ``cpu``: how busy all its processors were since the last measurement; ``memory``: how much
        of it is in use; ``disk``: how full the file system of *folder* is, as its users see it.
        Reading one raises `OSError` where the machine does not say.
    """
    return {
        "cpu": _Cpu(clock),
        "memory": lambda: float(psutil.virtual_memory().percent),
        "disk": lambda: float(psutil.disk_usage(str(folder)).percent),
    }


class _Cpu:
    """How busy the processors are, for any number of readers.

    Each measurement is over the time since the one before. Readers that come too soon after one are
    told the same: over a moment, processors are either idle or busy.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._percent = 0.0
        self._measured_ms = clock.monotonic_ms()
        psutil.cpu_percent()  # from here on; what it says the first time means nothing

    def __call__(self) -> float:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._measured_ms >= THRESHOLD_EVERY_MIN_MS:
            self._measured_ms = now_ms
            self._percent = float(psutil.cpu_percent())
        return self._percent
