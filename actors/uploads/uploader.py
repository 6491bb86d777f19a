"""The uploader: empties the outbox, in order, about, and takes off it what is acknowledged.

One entry of the outbox::

             take                 each part: carry ──► acknowledged ──► taken off, durably
    WAITING ──────► ON ITS WAY ──┤
       ▲                          ├── not now: everybody pauses, longer each time; tried again
       │                          ├── not now, UPLOAD_TRIES_MAX times: SET ASIDE, the others go on
       │                          └── refused: SET ASIDE, for longer
       └──────────────────────────────────────────────┘

The outbox is on disk from the moment of the slot, so a start goes on where the last run ended. A
part whose acknowledgement is on disk is never sent again; one that was on its way when the node
died is sent once more, the same bytes under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from seriatim.actors.runtime.clock import pause
from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import NotFoundError, NotUploadedError, UnavailableError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    UPLOAD_CONFIRM_DEADLINE_MS,
    UPLOAD_PAUSE_MAX_MS,
    UPLOAD_PAUSE_MIN_MS,
    UPLOAD_REFUSED_PAUSE_MS,
    UPLOAD_TRIES_MAX,
    UPLOADS_ASIDE_MAX,
    UPLOADS_MAX,
    UPLOADS_STOP_MS,
)
from seriatim.formats.schedule.upload import Part
from seriatim.formats.wire.stored import StoredAssignment
from seriatim.store.log import Place, Uploaded

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock, Timer
    from seriatim.actors.scheduler.writer import Store
    from seriatim.actors.uploads.carrier import Carrier
    from seriatim.store.log import Log, Outgoing

_LOG: Final = logging.getLogger("seriatim.uploads")

_STOPPING: Final = "the node is stopping"


class Uploader:
    """Uploads what the outbox of one log holds. Belongs to one event loop."""

    def __init__(
        self, log: Log, carrier: Carrier, *, store: Store[Uploaded], clock: Clock, random: Random
    ) -> None:
        """Upload with *carrier*; nothing moves before `start`.

        Args:
            log: read only.
            carrier: the way to the bundler.
            store: makes durable that something is uploaded.
            clock: for pauses.
            random: so that many nodes do not come back to one bundler at the same moment.
        """
        self._log = log
        self._carrier = carrier
        self._store = store
        self._clock = clock
        self._random = random
        self._next = 0  # entries from this sequence number on have not been taken yet
        self._due: deque[Outgoing] = deque()  # set aside, and their time is over
        self._aside: dict[Place, str] = {}  # and why
        self._timers: set[Timer] = set()
        self._waiters: dict[Place, list[Future[None]]] = {}
        self._on_their_way: dict[asyncio.Task[None], Place] = {}
        self._again_from: int | None = None  # refused from here on, and no longer remembered
        self._news = asyncio.Event()
        self._road = asyncio.Event()  # closed while the bundler is not to be had
        self._road.set()
        self._pause_ms = 0
        self._is_released = False
        self._is_closing = False
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Entries of the outbox."""
        return self._log.outbox_size()

    @property
    def aside(self) -> int:
        """Entries that the bundler does not take; they are tried again later.

        Of very many, as many as are remembered: ``UPLOADS_ASIDE_MAX``.
        """
        return len(self._aside)

    def start(self) -> None:
        """Begin, or go on where the last run ended."""
        self._running = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look into the outbox: something may be new."""
        self._news.set()

    async def confirm(self, process: bytes, slot: int) -> bool:
        """Return when all of *slot* is uploaded.

        Returns:
            Whether anything of it ever was to be uploaded.

        Raises:
            NotUploadedError: the bundler refuses it, or has not acknowledged it in time.
        """
        left = self._log.upload_left(process, slot)
        if not left:
            return left is not None
        place = Place(process, slot)
        self._check_waitable(place)
        waiter: Future[None] = Future()
        self._waiters.setdefault(place, []).append(waiter)
        late = _not_uploaded(place, "the bundler has not acknowledged it yet")
        timer = self._clock.call_later(UPLOAD_CONFIRM_DEADLINE_MS, partial(waiter.fail, late))
        try:
            await waiter
        finally:
            timer.cancel()
            self._forget(place, waiter)
        return True

    def release(self) -> None:
        """Answer whoever waits in `confirm`: the node stops. Uploads go on until `close`."""
        self._is_released = True
        for place, waiters in list(self._waiters.items()):
            for waiter in waiters:
                waiter.fail(_not_uploaded(place, _STOPPING))

    async def close(self) -> None:
        """Give what is on its way a moment to be acknowledged, then end."""
        if self._running is not None:
            self._running.cancel()
        self.release()
        self._is_closing = True
        self._road.set()  # who waits there goes home; who is on the road goes on
        self._later(UPLOADS_STOP_MS, self._cancel)
        await asyncio.gather(*self._on_their_way, return_exceptions=True)
        for timer in self._timers:
            timer.cancel()
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                entries = self._take()
            except Exception as error:  # noqa: BLE001  # uploads outlive whatever it is
                _LOG.warning("the outbox cannot be read: %s: %s", type(error).__name__, error)
                self._later(UPLOAD_PAUSE_MIN_MS, self.wake)
                entries = []
            for entry in entries:
                task = asyncio.create_task(self._upload(entry))
                self._on_their_way[task] = Place(entry.process, entry.slot)
                task.add_done_callback(self._ended)
            await self._news.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._on_their_way[task]
        self.wake()

    def _take(self) -> list[Outgoing]:
        """Return entries that are to go now: those set aside first, then new ones, in order."""
        free = UPLOADS_MAX - len(self._on_their_way)
        entries = [self._due.popleft() for _ in range(min(free, len(self._due)))]
        while len(entries) < free and (new := self._log.outbox(self._next, free - len(entries))):
            self._next = new[-1].sequence + 1
            entries += [each for each in new if not self._is_known(each)]
        return entries

    def _is_known(self, entry: Outgoing) -> bool:
        """Tell whether *entry*, read once more, is on its way or set aside."""
        place = Place(entry.process, entry.slot)
        return place in self._aside or place in self._on_their_way.values()

    async def _upload(self, entry: Outgoing) -> None:
        """Upload what is left of *entry*, part by part."""
        place = Place(entry.process, entry.slot)
        for part in entry.left:
            try:
                await self._carry(place, part)
            except Exception as error:  # noqa: BLE001  # the outbox outlives a bug in a carrier
                left = Part(entry.left & ~(part - 1))
                self._set_aside(entry._replace(left=left), error)
                return
            await self._take_off(Uploaded(entry.sequence, *place, part))
        self._aside.pop(place, None)
        for waiter in self._waiters.get(place, ()):
            waiter.resolve()

    async def _carry(self, place: Place, part: Part) -> None:
        """Upload one part, in ``UPLOAD_TRIES_MAX`` tries at most: it must not keep others back.

        Raises:
            UnavailableError: so many tries have failed.
            SchedulerError: it is refused, or the record is damaged.
        """
        record = self._log.read(*place)
        if record is None:
            raise NotFoundError("the log has no such slot")
        stored = StoredAssignment(*place, record)
        for tries_left in range(UPLOAD_TRIES_MAX - 1, -1, -1):
            await self._road.wait()
            if self._is_closing:
                raise asyncio.CancelledError
            try:
                await self._carrier.carry(stored, part)
            except UnavailableError as error:
                self._pause(error)
                if not tries_left:
                    raise
            else:
                self._pause_ms = 0
                return

    def _pause(self, error: UnavailableError) -> None:
        """Close the road for a while, longer each time; who is on it tries again afterwards."""
        if self._is_closing or not self._road.is_set():
            return
        self._road.clear()
        self._pause_ms = min(max(2 * self._pause_ms, UPLOAD_PAUSE_MIN_MS), UPLOAD_PAUSE_MAX_MS)
        pause_ms = min(max(self._pause_ms, error.retry_after_ms), UPLOAD_PAUSE_MAX_MS)
        pause_ms += self._random.randrange(pause_ms // 4)
        _LOG.warning("uploads wait for %.1f s: %s", pause_ms / 1000, error)
        self._later(pause_ms, self._road.set)

    async def _take_off(self, uploaded: Uploaded) -> None:
        """Make durable that *uploaded* is; until that is done, it must not be sent again."""
        while True:
            try:
                await self._store(uploaded)
            except Exception as error:  # noqa: BLE001  # whatever it is, the bundler has the item
                _LOG.warning(
                    "an acknowledgement cannot be written yet: %s: %s", type(error).__name__, error
                )
                await pause(self._clock, UPLOAD_PAUSE_MIN_MS)
            else:
                return

    def _set_aside(self, entry: Outgoing, error: Exception) -> None:
        place = Place(entry.process, entry.slot)
        is_away = isinstance(error, UnavailableError)
        pause_ms = UPLOAD_PAUSE_MAX_MS if is_away else UPLOAD_REFUSED_PAUSE_MS
        _LOG.log(
            logging.WARNING if is_away else logging.ERROR,
            "process %s, slot %d is not uploaded, and tried again in %d min: %s: %s",
            encode_id(entry.process),
            entry.slot,
            pause_ms // 60_000,
            type(error).__name__,
            error,
        )
        for waiter in self._waiters.get(place, ()):
            waiter.fail(_not_uploaded(place, str(error)))
        if place in self._aside or len(self._aside) < UPLOADS_ASIDE_MAX:
            self._aside[place] = str(error)
            self._later(pause_ms, partial(self._try_again, entry))
        elif self._again_from is None:
            self._again_from = entry.sequence
            self._later(UPLOAD_REFUSED_PAUSE_MS, self._read_again)
        else:
            self._again_from = min(self._again_from, entry.sequence)

    def _read_again(self) -> None:
        """Read the outbox again from where on entries were refused, and not remembered."""
        if self._again_from is not None:
            self._next = min(self._next, self._again_from)
            self._again_from = None
        self.wake()

    def _try_again(self, entry: Outgoing) -> None:
        self._due.append(entry)
        self.wake()

    def _check_waitable(self, place: Place) -> None:
        reason = _STOPPING if self._is_released else self._aside.get(place)
        if reason is not None:
            raise _not_uploaded(place, reason)

    def _forget(self, place: Place, waiter: Future[None]) -> None:
        waiters = self._waiters[place]
        waiters.remove(waiter)
        if not waiters:
            del self._waiters[place]

    def _later(self, delay_ms: int, callback: Callable[[], object]) -> None:
        """Run *callback* later, unless `close` comes first."""

        def fire() -> None:
            self._timers.discard(timer)
            callback()

        timer = self._clock.call_later(delay_ms, fire)
        self._timers.add(timer)

    def _cancel(self) -> None:
        for task in self._on_their_way:
            task.cancel()


def _not_uploaded(place: Place, reason: str) -> NotUploadedError:
    return NotUploadedError(process=encode_id(place.process), slot=place.slot, reason=reason)
