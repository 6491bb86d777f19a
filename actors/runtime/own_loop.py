"""The event loop on which something was opened: nothing is done with it on another one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from seriatim.formats.errors import RefusedError, StoppingError, StoreError

T = TypeVar("T")


class OwnLoop:
    """The loop that runs where this is made, for its own coroutines, and for other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._is_closed = False

    def check(self) -> None:
        """Return where the coroutine that asks runs on this loop, which is not closed.

        Raises:
            StoppingError: it is closed.
            RefusedError: it runs on another one; code ``other_loop``.
        """
        if self._is_closed:
            raise _closed()
        if running_loop() is not self._loop:
            raise RefusedError(
                "this was opened on another event loop: await it there, or in a thread use its "
                "blocking twin: what open_blocking or connect_blocking yields, and in a job "
                "seriatim.current_job().jobs",
                code="other_loop",
            )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what comes of *work*, on the loop; for other threads, not in a fork.

        Nothing reaches the loop once it is closed; what has reached it before is finished or
        cancelled. So each call has an end.

        Raises:
            StoppingError: it is closed.
            StoreError: this is a fork of the OS process that it runs in.
            RefusedError: this is its own thread, which would wait for itself; code ``on_loop``.
        """
        if os.getpid() != self._pid:
            work.close()
            raise StoreError("this is for the OS process that has opened it, not for a fork")
        if running_loop() is self._loop:
            work.close()
            raise on_loop()
        with self._lock:
            if self._is_closed:
                work.close()
                raise _closed()
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result()
        except CancelledError:
            raise StoppingError("what was opened here was closed before it answered") from None

    def close(self) -> None:
        """Take no more calls."""
        with self._lock:
            self._is_closed = True


def run_unwaited(work: Coroutine[Any, Any, T], waits: Exception) -> T:
    """Return what comes of *work*, which has nothing to wait for, and so needs no loop.

    Raises:
        Exception: *waits*, where it waits all the same.
    """
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise waits


def _closed() -> StoppingError:
    return StoppingError("what was opened here is closed; open it again")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread; ``None`` where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def on_loop() -> RefusedError:
    """Return the error for blocking calls where a loop runs, which everything would wait for."""
    return RefusedError(
        "this code runs on an event loop, which would wait for the answer: await it there",
        code="on_loop",
    )
