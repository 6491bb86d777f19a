"""Bells: they ring when something in a folder may have changed, or when it is time to look anyway.

A ring says nothing about what has changed: whoever hears it looks. So a ring too many costs a look,
and one that is lost costs time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from watchfiles import watch

from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.formats.limits import (
    FILES_LISTEN_MS,
    FILES_LISTENERS_MAX,
    FILES_LOOK_MS,
    FILES_POLL_MS,
)

if TYPE_CHECKING:
    from seriatim.actors.runtime.clock import Clock
    from seriatim.actors.runtime.future import Future
    from seriatim.actors.watches.file_threads import FileThreads

LISTENER: Final = "a watch of files"
"""The name of a thread that listens."""

_LOG: Final = logging.getLogger("seriatim.watches")


class Bell:
    """Rings for one watch. Belongs to the event loop's thread."""

    def __init__(self, clock: Clock, threads: FileThreads) -> None:
        """Take the time from *clock*; ring by the time only, until `listen` takes a thread."""
        self._clock = clock
        self._threads = threads
        self._rung = asyncio.Event()
        self._ear: _Ear | None = None

    async def listen(self, folder: str, *, is_recursive: bool) -> None:
        """Ring from now on when something in *folder* changes; also once when that has begun.

        Where too many listen already, or the system tells of no changes (no more inotify watches,
        say), that is logged, and the bell goes on to ring by the time.
        """
        if not self._threads.take_listener():
            _LOG.warning(
                "%d watches of files listen already, so this folder is polled: %s",
                FILES_LISTENERS_MAX,
                folder,
            )
            return
        self._ear = _Ear(asyncio.get_running_loop(), self.ring)
        await self._ear.open(folder, is_recursive=is_recursive)

    def ring(self) -> None:
        """Have whoever waits look, or the next one who waits."""
        self._rung.set()

    async def wait(self, due_ms: int | None = None) -> None:
        """Return when the bell has rung since the last time, or when it is time to look.

        Args:
            due_ms: when to return at the latest, on the monotonic clock; ``None`` for when the bell
                says: each ``FILES_POLL_MS``, or ``FILES_LOOK_MS`` where it listens.
        """
        is_listening = self._ear is not None and self._ear.is_open
        within_ms = FILES_LOOK_MS if is_listening else FILES_POLL_MS
        if due_ms is not None:
            within_ms = min(within_ms, due_ms - self._clock.monotonic_ms())
        timer = self._clock.call_later(within_ms, self.ring)
        try:
            await self._rung.wait()
        finally:
            timer.cancel()
            self._rung.clear()

    async def close(self) -> None:
        """Ring no more, and give back what listening takes."""
        if self._ear is not None:
            try:
                await self._ear.close()
            finally:
                self._ear = None
                self._threads.give_back_listener()


class _Ear:
    """A thread in which a folder is listened to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._thread: ThreadOffload[str, None] | None = None
        self._is_recursive = True
        self._has_begun = False
        self._is_stopping = False
        self.is_open = True

    async def open(self, folder: str, *, is_recursive: bool) -> None:
        self._is_recursive = is_recursive
        self._thread = await ThreadOffload.start(lambda: self._listen, name=LISTENER)
        self._thread.call([folder]).add_done_callback(self._has_ended)

    async def close(self) -> None:
        self._is_stopping = True
        if self._thread is not None:
            await self._thread.close()

    def is_set(self) -> bool:
        """Tell whether to stop. Asked by the thread again and again, once it listens.

        So the first question says that from now on nothing is missed; what has changed until then
        is found by looking once more.
        """
        if not self._has_begun:
            self._has_begun = True
            self._loop.call_soon_threadsafe(self._ring)
        return self._is_stopping

    def _listen(self, folders: Sequence[str]) -> list[None]:
        """Ring whenever something changes, until it is to stop. Runs in the thread."""
        changes = watch(
            *folders,
            watch_filter=None,
            debounce=FILES_LISTEN_MS,
            step=FILES_LISTEN_MS,
            rust_timeout=0,
            stop_event=self,
            raise_interrupt=False,
            force_polling=False,
            recursive=self._is_recursive,
        )
        for _ in changes:
            self._loop.call_soon_threadsafe(self._ring)
        return [None]

    def _has_ended(self, answer: Future[Sequence[None]]) -> None:
        self.is_open = False
        error = answer.error()
        if error is not None:
            _LOG.warning("nothing tells of changes, so they are polled for: %s", error)
        self._ring()
