"""A job that a worker runs: what it knows, what it has said and printed, and how it is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from seriatim.actors.executor.context import JobContext
from seriatim.actors.executor.stop import Stop
from seriatim.actors.queue.commands import Printed
from seriatim.formats.limits import (
    HEARTBEATS_PER_LEASE,
    JOB_LEASE_DEFAULT_MS,
    JOB_NOTE_MAX_CHARS,
    JOB_OUTPUT_PIECE_BYTES,
)
from seriatim.formats.plain_text import plain_text

if TYPE_CHECKING:
    from seriatim.actors.queue.commands import Grant, Held
    from seriatim.actors.runtime.clock import Clock, Timer


class Why(StrEnum):
    """Why a job is stopped before its end."""

    CANCELLED = "cancelled"
    """Somebody wants it no more."""
    TIMEOUT = "timeout"
    """It takes longer than it may."""
    SILENT = "silent"
    """It has not said for too long that it goes on."""
    LOST = "lost"
    """Its lease is over: somebody else may have it."""
    CLOSED = "closed"
    """Its worker ends: somebody else begins it once more."""


class Run:
    """An attempt of a job, on the event loop on which it was made.

    Attributes:
        grant: the job, and the lease of it.
        held: the job, and the token of this attempt: no other one has both.
        context: what the job itself may know.
        renewed_ms: since when its lease holds, by the monotonic clock.
        fraction: how much is done, as it has said last; 0 to 1 (inclusive).
        note: what else it has said.
        stopping: hears that it is to stop.
        why: why that is; ``None`` where it is not.
        is_lost: whether its lease is over, so that nobody takes its word.
        task: runs it.
        timer: makes an end of it when it takes too long.
        silence: makes an end of it when it is silent for too long.
    """

    def __init__(
        self, queue: str, grant: Grant, clock: Clock, on_output: Callable[[], object]
    ) -> None:
        self.grant = grant
        self.held: Held = (grant.id, grant.token)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.context = JobContext(facts_of(queue, grant), self._hear_from_anywhere)
        self.renewed_ms = clock.monotonic_ms()
        self.fraction = 0.0
        self.note = ""
        self.stopping = Stop()
        self.why: Why | None = None
        self.is_lost = False
        self.task: asyncio.Task[None] | None = None
        self.timer: Timer | None = None
        self.silence: Timer | None = None
        self._on_output = on_output
        self._printed = bytearray()
        self._pieces = 0
        self._has_ended = False

    @property
    def lease_ms(self) -> int:
        """How long its worker may be silent about it."""
        lease_ms: int = self.grant.spec.get("lease_ms", JOB_LEASE_DEFAULT_MS)
        return lease_ms

    @property
    def renew_ms(self) -> int:
        """When its lease is to be renewed, by the monotonic clock."""
        return self.renewed_ms + self.lease_ms // HEARTBEATS_PER_LEASE

    def begin(self) -> None:
        """Begin to look at the clock, where the job has bounds of its own."""
        wall_ms = self.grant.spec.get("limits", {}).get("wall_ms")
        if wall_ms is not None:
            reason = f"it ran for longer than {wall_ms} ms"
            self.timer = self._clock.call_later(wall_ms, lambda: self.stop(Why.TIMEOUT, reason))
        self._listen()

    def end(self) -> None:
        """Look at the clock no more, and hear nothing: a thread may go on."""
        self._has_ended = True
        for timer in (self.timer, self.silence):
            if timer is not None:
                timer.cancel()

    def _listen(self) -> None:
        silence_ms = self.grant.spec.get("silence_ms")
        if silence_ms is not None:
            if self.silence is not None:
                self.silence.cancel()
            reason = f"it was silent for {silence_ms} ms"
            self.silence = self._clock.call_later(silence_ms, lambda: self.stop(Why.SILENT, reason))

    def stop(self, why: Why, reason: str) -> None:
        """Ask what runs to stop; the first to ask says why."""
        if self.why is None:
            self.why = why
            self.context.is_stopping = True
            self.stopping.stop(reason)

    def lose(self) -> None:
        """Ask it to stop because its lease is over, whatever it was asked before."""
        self.is_lost = True
        self.stop(Why.LOST, "its lease is over")

    def _hear_from_anywhere(self, said: Mapping[str, Any]) -> None:
        """Note what the job says of itself, in a thread perhaps: timers belong to the loop's."""
        if threading.get_ident() == self._thread:
            self.hear(said)
            return
        with suppress(RuntimeError):  # the loop is closed: nobody is left who would hear it
            self._loop.call_soon_threadsafe(self.hear, said)

    def hear(self, said: Mapping[str, Any]) -> None:
        """Note what the job says of itself."""
        if self._has_ended:
            return
        self._listen()
        fraction, note = said.get("fraction"), said.get("note")
        if isinstance(fraction, int | float) and 0 <= fraction <= 1:
            self.fraction = float(fraction)
        if isinstance(note, str):
            self.note = plain_text(note[:JOB_NOTE_MAX_CHARS])

    def print(self, piece: bytes) -> None:
        """Note what the job prints."""
        self._printed += piece
        if len(self._printed) >= JOB_OUTPUT_PIECE_BYTES:
            self._on_output()

    def take_printed(self) -> list[Printed]:
        """Return what it has printed since the last time, in pieces."""
        if not self._printed:
            return []
        raw, self._printed = self._printed, bytearray()
        starts = range(0, len(raw), JOB_OUTPUT_PIECE_BYTES)
        first, self._pieces = self._pieces, self._pieces + len(starts)
        grant = self.grant
        return [
            Printed(
                grant.id, grant.token, number, bytes(raw[start : start + JOB_OUTPUT_PIECE_BYTES])
            )
            for number, start in enumerate(starts, first)
        ]


def facts_of(queue: str, grant: Grant) -> dict[str, Any]:
    """Return what an attempt of the job of *grant*, in *queue*, may know of itself."""
    return {
        "id": grant.id,
        "queue": queue,
        "type": grant.type,
        "slot": grant.token,
        "attempt": grant.attempt,
        "deadline_ms": grant.spec.get("deadline_ms"),
    }
