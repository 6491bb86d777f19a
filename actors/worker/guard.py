"""The guard of an event loop: a thread that notices when the loop does not come round.

A coroutine that blocks holds the loop, and with it all that its worker does: nothing renews the
leases meanwhile, of whatever runs beside it. ::

    the loop comes round ──► asked ── it answers ──────────────────────────────► (asked again)
                               │
                               └─ a sixth of the shortest lease has passed ──► held
                                    it says so, with the job and the stack; by queues of its own,
                                    where it has such, it renews what the worker cannot
                               held ── the loop answers ──► it says so ────────► (asked again)

It asks only as long as somebody has a lease, and waits for nothing meanwhile but its own time.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from seriatim.actors.worker.threads import begin_thread
from seriatim.formats.limits import HEARTBEATS_PER_LEASE, JOBS_NAMED_MAX

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.worker.port import JobsPort
    from seriatim.actors.worker.run import Run

_LOG: Final = logging.getLogger("seriatim.actors")
# How soon it says so at the earliest, whatever the leases are; and for how long it renews them.
HELD_MIN_MS: Final = 100
KEPT_MAX_MS: Final = 10 * 60_000
# As deep as common libraries are, and their callers, who are what one looks for.
_STACK_FRAMES: Final = 20

Detour = Callable[[], AbstractAsyncContextManager["JobsPort"]]


class Guarded(Protocol):
    """A worker, as its guard knows it."""

    def shortest_lease_ms(self) -> int | None:
        """Return the shortest lease of what runs; ``None`` where nothing does."""

    def on_loop(self) -> list[Run]:
        """Return what runs on the event loop. In any thread."""

    async def renew_by_detour(
        self, port: JobsPort, later: Callable[[Callable[[], object]], object], *, is_first: bool
    ) -> None:
        """Renew what is due by *port*, in another loop; see `Worker`."""


class LoopGuard:
    """Guards the event loop in which it is made, for all workers there."""

    def __init__(self, clock: Clock, detour: Detour | None = None) -> None:
        """Guard the loop that runs.

        Args:
            clock: that of the leases; it is read in another thread.
            detour: opens the workers' queues in another loop, so that leases are renewed while this
                one is held; ``None`` where they are in this loop, too.
        """
        self._clock = clock
        self._detour = detour
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._workers: list[Guarded] = []
        # Those of whom the node does not know yet that they take nothing more while this lasts.
        self._untold: list[Guarded] = []
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._lease_ms: int | None = None
        # Of what has begun since the loop came round: so a stream of short jobs wakes nobody.
        self._begun_ms: int | None = None
        self._asked_ms: int | None = None
        self._is_held = False
        self._is_begun = False
        self._is_closed = False

    def add(self, worker: Guarded) -> None:
        """Guard *worker*, too."""
        self._workers.append(worker)

    def drop(self, worker: Guarded) -> None:
        """Guard *worker* no more; harmless where that is so already."""
        if worker in self._workers:
            self._workers.remove(worker)

    def expect(self, lease_ms: int) -> None:
        """Note a lease that has begun: a shorter one than the others is looked after at once."""
        self._begun_ms = _shortest(self._begun_ms, lease_ms)
        if self._lease_ms is not None and self._lease_ms <= lease_ms:
            return
        self._lease_ms = lease_ms
        self._wake.set()
        if not self._is_begun:
            self._is_begun = True
            begin_thread(self._live, "seriatim-guard")

    def close(self) -> None:
        """End. The thread is not waited for: it does nothing more."""
        self._is_closed = True
        self._wake.set()

    def _live(self) -> None:
        while not self._is_closed:
            try:
                wait_ms = self.look()
            except RuntimeError:  # the loop is closed, and was not by us
                return
            self._wake.wait(None if wait_ms is None else wait_ms / 1_000)
            self._wake.clear()

    def look(self) -> int | None:
        """Ask the loop, or see to its silence; the thread does that.

        Returns:
            In how many milliseconds to do it again; ``None`` for when somebody has a lease.

        Raises:
            RuntimeError: the loop is closed.
        """
        now_ms = self._clock.monotonic_ms()
        with self._lock:
            lease_ms, asked_ms = self._lease_ms, self._asked_ms
            if lease_ms is None:
                return None
            hold_ms = max(lease_ms // (2 * HEARTBEATS_PER_LEASE), HELD_MIN_MS)
            if asked_ms is None:
                self._asked_ms = now_ms
                self._loop.call_soon_threadsafe(self._come_round)
                return hold_ms
            held_ms = now_ms - asked_ms
            if held_ms < hold_ms:
                return hold_ms - held_ms
            is_first, self._is_held = not self._is_held, True
        self._see_to(held_ms, is_first=is_first)
        return hold_ms

    def _come_round(self) -> None:
        """Answer, on the loop."""
        with self._lock:
            assert self._asked_ms is not None, "it is asked once, and answers once"
            held_ms = self._clock.monotonic_ms() - self._asked_ms
            was_held, self._is_held = self._is_held, False
            self._asked_ms = None
            leases = [each.shortest_lease_ms() for each in self._workers]
            self._lease_ms, self._begun_ms = _shortest(self._begun_ms, *leases), None
        if was_held:
            _LOG.warning("the event loop goes on: it was held for %.1f s", held_ms / 1_000)

    # In the thread, while the loop is held.

    def _see_to(self, held_ms: int, *, is_first: bool) -> None:
        if is_first:
            _LOG.warning("%s", self._complaint(held_ms))
        if self._detour is None or self._is_closed:
            return
        if is_first:
            self._untold = list(self._workers)
        try:
            if held_ms <= KEPT_MAX_MS:
                asyncio.run(self._renew(self._detour))
        except Exception as error:  # noqa: BLE001  # a fault of ours, too, ends no guard
            _complain(error)

    async def _renew(self, detour: Detour) -> None:
        later = self._loop.call_soon_threadsafe
        async with detour() as port:
            for worker in tuple(self._workers):
                if not self._is_held:  # it may have come round meanwhile
                    return
                is_untold = worker in self._untold
                try:
                    await worker.renew_by_detour(port, later, is_first=is_untold)
                except Exception as error:  # noqa: BLE001  # as above; the others go on
                    _complain(error)
                else:
                    self._untold = [each for each in self._untold if each is not worker]

    def _complaint(self, held_ms: int) -> str:
        runs = [run for worker in tuple(self._workers) for run in worker.on_loop()]
        task: asyncio.Task[Any] | None = asyncio.current_task(self._loop)
        holder = next((run for run in runs if run.task is task), None)
        others = [run for run in runs if run is not holder]
        who = "" if holder is None else f" by job {_name(holder)}"
        beside = f"; jobs on it{' beside that' if who else ''}: {_names(others)}" if others else ""
        return (
            f"the event loop is held{who}: for {held_ms / 1_000:.1f} s, nothing has gone on there"
            f"{beside}. What blocks belongs into a function without async, or run='process'. "
            f"It is at:\n{self._stack()}"
        )

    def _stack(self) -> str:
        """Return the innermost lines of the loop's thread."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001  # documented, and the only way
        return "".join(traceback.format_stack(frame)[-_STACK_FRAMES:]).rstrip()


def _complain(error: Exception) -> None:
    _LOG.warning("the leases of a held event loop are not renewed: %r", error)


def _shortest(*leases_ms: int | None) -> int | None:
    return min((each for each in leases_ms if each is not None), default=None)


def _name(run: Run) -> str:
    return f"{run.grant.id} ({run.grant.type})"


def _names(runs: Iterable[Run]) -> str:
    names = [_name(run) for run in runs]
    more = len(names) - JOBS_NAMED_MAX
    return ", ".join(names[:JOBS_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
