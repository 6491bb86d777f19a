"""Whether workers are heard of in time: the rule, by a clock that nobody can set.

::

                 silent for more            silent for more
                 than slow_ms               than stale_ms: one warning
        ┌──► OK ─────────────► SLOW ─────────────────────────► STALE
        │                       │                                │
        └────────── heard ──────┴───── heard: one line, it is back ┘

What counts is how long ago *whoever looks* has seen the number of the last beat change, by their
own monotonic clock. So no wall clock that is set, here or where the worker runs, makes a stale
worker fresh, or a fresh one stale; and who looks for the first time gives everybody the full time.
An episode begins when a worker is heard of no more and ends when it is heard of again: in all that
time there is one warning. A worker that is not there any more, because it has left or was
forgotten, has no episode.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from seriatim.formats.errors import MalformedError
from seriatim.formats.limits import WORKER_SLOW_MS, WORKER_STALE_MS


class Pulse(StrEnum):
    """How long a worker was silent."""

    OK = "ok"
    SLOW = "slow"
    STALE = "stale"


class Change(NamedTuple):
    """A worker's pulse has changed.

    Attributes:
        worker: its name.
        before: how it was.
        after: how it is.
        silent_ms: for how long it was not heard of; up to now, or until it was heard again.
    """

    worker: str
    before: Pulse
    after: Pulse
    silent_ms: int


class Episodes:
    """The pulse of each worker, as one observer finds it.

    Attributes:
        slow_ms: silent for longer, a worker is slow.
        stale_ms: silent for longer, it is stale.
    """

    def __init__(self, slow_ms: int = WORKER_SLOW_MS, stale_ms: int = WORKER_STALE_MS) -> None:
        """Begin to watch.

        Raises:
            MalformedError: not 0 < *slow_ms* ≤ *stale_ms*; code ``bad_thresholds``.
        """
        if not 0 < slow_ms <= stale_ms:
            raise MalformedError(
                f"expected 0 < slow ≤ stale, found {slow_ms} ms and {stale_ms} ms",
                code="bad_thresholds",
            )
        self.slow_ms = slow_ms
        self.stale_ms = stale_ms
        self._heard: dict[str, tuple[int, int]] = {}
        self._pulses: dict[str, Pulse] = {}

    def see(self, beats: Mapping[str, int], now_ms: int) -> list[Change]:
        """Note the numbers of the last beats of all workers that there are.

        Args:
            beats: by the workers' names.
            now_ms: the observer's monotonic clock.

        Returns:
            Whose pulse has changed by that, in the order of *beats*.
        """
        for gone in self._heard.keys() - beats.keys():
            del self._heard[gone]
            del self._pulses[gone]
        return [
            change
            for worker, beat in beats.items()
            if (change := self._see(worker, beat, now_ms)) is not None
        ]

    def pulse(self, worker: str) -> Pulse:
        """Return the pulse of *worker*, which was there when somebody has looked last."""
        return self._pulses[worker]

    def silent_ms(self, worker: str, now_ms: int) -> int:
        """Return for how long *worker*, which was there, was not heard of."""
        return now_ms - self._heard[worker][1]

    def _see(self, worker: str, beat: int, now_ms: int) -> Change | None:
        last = self._heard.get(worker)
        if last is None:
            self._heard[worker] = beat, now_ms
            self._pulses[worker] = Pulse.OK
            return None
        silent_ms = now_ms - last[1]
        before = self._pulses[worker]
        if last[0] != beat:
            self._heard[worker] = beat, now_ms
            after = Pulse.OK
        else:
            after = self._pulse_after(silent_ms)
        self._pulses[worker] = after
        return None if after is before else Change(worker, before, after, silent_ms)

    def _pulse_after(self, silent_ms: int) -> Pulse:
        if silent_ms > self.stale_ms:
            return Pulse.STALE
        return Pulse.SLOW if silent_ms > self.slow_ms else Pulse.OK
