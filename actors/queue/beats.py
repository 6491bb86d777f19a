"""Keeping what workers say of themselves: by the node, some times a second, and bounded.

It is the node that keeps it, and no monitor: those only read.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seriatim.formats.errors import MalformedError, SchedulerError
from seriatim.formats.limits import (
    BEATS_KEPT_MS,
    BEATS_WRITE_MS,
    WORKER_NAME_MAX_BYTES,
    WORKERS_MAX,
)
from seriatim.formats.monitor.beat import Beat, encode_beat, read_beats

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer
    from seriatim.formats.jobs.job import Job
    from seriatim.formats.jobs.status import RunningJob, WorkerStatus
    from seriatim.store.beats import BeatStore

_LOG: Final = logging.getLogger("seriatim.actors")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class LastBeats:
    """Keeps the last beat of each worker. Belongs to one event loop.

    Attributes:
        store: what it has written.
    """

    def __init__(self, store: BeatStore, clock: Clock) -> None:
        """Write to *store*, by *clock*; go on with what it holds."""
        self.store = store
        self._clock = clock
        beats = sorted(read_beats(store.all()), key=lambda beat: beat.heard_ms)
        # The one that was heard longest ago is the first.
        self._kept = {beat.status.worker: beat.heard_ms for beat in beats}
        self._waiting: dict[str, Beat | None] = {}
        self._timer: Timer | None = None

    def note(self, status: WorkerStatus) -> None:
        """Keep *status* in a moment; a worker that has left is forgotten then. Never raises."""
        name = status.worker
        if not 0 < len(name.encode(errors="replace")) <= WORKER_NAME_MAX_BYTES:
            return
        self._waiting[name] = None if status.has_left else Beat(status, self._clock.now_ms())
        if self._timer is None:
            self._timer = self._clock.call_later(BEATS_WRITE_MS, self._write)

    def last(self, worker: str) -> Beat | None:
        """Return the last beat of *worker*; ``None`` for none, or for one that has left."""
        if worker in self._waiting:
            return self._waiting[worker]
        raw = self.store.get(worker)
        return next(iter(read_beats([] if raw is None else [(worker, raw)])), None)

    def running(self, job: Job) -> RunningJob | None:
        """Return what the worker of *job* has said last of this attempt; ``None`` for nothing."""
        beat = self.last(job.worker) if job.worker else None
        found = () if beat is None else beat.status.running
        return next((each for each in found if (each.id, each.token) == (job.id, job.token)), None)

    def close(self) -> None:
        """Write what waits, and let the store go."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()
        self.store.close()

    def _write(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        rows: dict[str, bytes | None] = {}
        kept = dict(self._kept)
        for name, beat in waiting.items():
            try:
                rows[name] = beat and encode_beat(beat)
            except MalformedError as error:
                _LOG.warning("a heartbeat of worker %s is not kept: %s", name, error)
                continue
            kept.pop(name, None)  # and in again, as the last one
            if beat is not None:
                kept[name] = beat.heard_ms
        rows.update(dict.fromkeys(_drop_too_old_or_many(kept, self._clock.now_ms())))
        try:
            self.store.change(list(rows.items()))
        except SchedulerError as error:
            # The next one says the same, and more.
            _LOG.warning("heartbeats of %d workers are not kept: %s", len(waiting), error)
        else:
            self._kept = kept


def _drop_too_old_or_many(kept: dict[str, int], now_ms: int) -> list[str]:
    """Forget who was not heard of for ``BEATS_KEPT_MS``, and whoever is one too many."""
    gone = [
        name
        for name, heard_ms in kept.items()
        if abs(now_ms - heard_ms) > BEATS_KEPT_MS  # the clock may have been set meanwhile
    ]
    for name in gone:
        del kept[name]
    for name in list(kept)[: max(len(kept) - WORKERS_MAX, 0)]:
        gone.append(name)
        del kept[name]
    return gone


def machine_boot() -> str:
    """Return what names this run of the machine; empty where it does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
