"""An event loop on a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from seriatim.formats.errors import StoppingError, StoreError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines on a loop that lives as long as its block; from any thread, not in a fork."""

    def __init__(self, loop: asyncio.AbstractEventLoop, closing: asyncio.Event) -> None:
        self._loop = loop
        self._closing = closing
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._is_closed = False

    def run(self, work: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Return what comes of *work*, on the loop.

        Nothing reaches the loop once it is closed; what has reached it before is finished or
        cancelled. So each call has an end.

        Args:
            work: what to run.
            timeout: seconds; ``None`` waits as long as it takes.

        Raises:
            StoppingError: it is closed.
            StoreError: this is a fork of the OS process that it runs in.
            TimeoutError: it takes longer; it is cancelled.
        """
        if os.getpid() != self._pid:
            work.close()
            raise StoreError("this node runs in the OS process that has opened it, not in a fork")
        with self._lock:
            if self._is_closed:
                work.close()
                raise StoppingError("this node is closed; open the folder again")
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return answer.result(timeout)
        except TimeoutError:
            answer.cancel()
            raise
        except CancelledError:
            raise StoppingError("this node was closed before it answered") from None

    def close(self) -> None:
        """Take no more calls and have the block's end come; that waits for it."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._loop.call_soon_threadsafe(self._closing.set)


@contextmanager
def on_a_thread(
    open_it: Callable[[], AbstractAsyncContextManager[T]],
) -> Iterator[tuple[T, LoopThread]]:
    """Open what *open_it* returns on a loop on a thread of its own; close it at the block's end."""
    opened: Future[tuple[T, LoopThread]] = Future()
    ended: Future[None] = Future()

    async def live() -> None:
        closing = asyncio.Event()
        async with open_it() as value:
            opened.set_result((value, LoopThread(asyncio.get_running_loop(), closing)))
            await closing.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001  # raised again by who waits for the thread
            if not opened.done():
                opened.set_exception(error)
            ended.set_exception(error)
        else:
            ended.set_result(None)

    thread = threading.Thread(target=run, name="seriatim", daemon=True)
    thread.start()
    try:
        yield opened.result()
    finally:
        # Also when Ctrl-C came while it was opening: closed as soon as it is open.
        opened.add_done_callback(_close)
        thread.join()
        ended.result()


def _close(opened: Future[tuple[T, LoopThread]]) -> None:
    if opened.exception() is None:
        opened.result()[1].close()
