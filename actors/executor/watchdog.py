"""What ends an attempt before it ends itself: first asked, then forced."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from seriatim.actors.executor.kept import Kept
from seriatim.actors.executor.stop import Stop
from seriatim.actors.runtime.clock import Clock, Timer
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending
from seriatim.formats.limits import JOB_KILL_DEADLINE_MS, JOB_STOP_GRACE_MS


class Cause(NamedTuple):
    """Why an attempt was ended: as in an `Outcome`."""

    code: Ending
    reason: str


class Watchdog:
    """Watches one attempt, from `watch` to `close`.

    ==================================  =========================================================
    what happens                        what is done
    ==================================  =========================================================
    its time is over, or it is stopped  SIGTERM to its group; `JOB_STOP_GRACE_MS` later, `kill`
    it has too many OS processes        its keeper has killed it already
    `kill`, also of who is cancelled    its keeper kills it; where that does not end within
                                        `JOB_KILL_DEADLINE_MS`, the keeper itself is killed
    ==================================  =========================================================

    Attributes:
        cause: why it was ended: the first reason that there was; ``None`` where it ends itself.
    """

    def __init__(self, kept: Kept, limits: Limits, clock: Clock, stopping: Stop) -> None:
        self.cause: Cause | None = None
        self._kept = kept
        self._limits = limits
        self._clock = clock
        self._timer: Timer | None = None
        kept.on_over = self._hear_over
        self._forget = stopping.listen(self._hear_stop)
        if limits.wall_ms is not None and self._timer is None:
            self._timer = clock.call_later(limits.wall_ms, self._time_over)

    def kill(self) -> None:
        """End it at once."""
        self._kept.kill()
        self._set_timer(JOB_KILL_DEADLINE_MS, self._kept.abandon)

    def close(self) -> None:
        """Watch no more."""
        self._kept.on_over = None
        self._forget()
        if self._timer is not None:
            self._timer.cancel()

    def _time_over(self) -> None:
        self._end(Ending.TIMEOUT, f"it has taken longer than the {self._limits.wall_ms} ms it may")

    def _hear_stop(self, reason: str) -> None:
        self._end(Ending.CANCELLED, reason)

    def _hear_over(self) -> None:
        if self.cause is None:
            self.cause = Cause(
                Ending.PROCESSES,
                f"it had {self._kept.over} OS processes at once; it may have "
                f"{self._limits.processes}",
            )

    def _end(self, code: Ending, reason: str) -> None:
        if self.cause is None:
            self.cause = Cause(code, reason)
            self._kept.terminate()
            self._set_timer(JOB_STOP_GRACE_MS, self.kill)

    def _set_timer(self, delay_ms: int, then: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(delay_ms, then)
