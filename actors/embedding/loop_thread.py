"""An event loop on a thread of its own, for programs that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import TypeVar

from seriatim.actors.runtime.own_loop import OwnLoop

T = TypeVar("T")


class LoopThread(OwnLoop):
    """Runs coroutines on a loop that lives as long as its block; from any thread, not in a fork."""

    def __init__(self, closing: asyncio.Event) -> None:
        super().__init__()
        self._closing = closing

    def close(self) -> None:
        """Take no more calls and have the block's end come; that waits for it."""
        super().close()
        with suppress(RuntimeError):  # the loop is closed: it was done before
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
            opened.set_result((value, LoopThread(closing)))
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
