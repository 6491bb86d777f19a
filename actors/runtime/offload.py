"""Batches of work for somebody else: a thread of this node, or a child with its own interpreter.

One mechanism behind group commit and signature verification: what would hold up the event loop is
gathered (`batcher.py`) and handed over batch by batch. A batch crosses over and back once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from seriatim.actors.runtime.future import Future
from seriatim.formats.errors import StoppingError

Job = TypeVar("Job")
Result = TypeVar("Result")
JobIn_contra = TypeVar("JobIn_contra", contravariant=True)
Outcome = TypeVar("Outcome")

BatchHandler = Callable[[Sequence[Job]], Sequence[Result]]


class Offload(Protocol[JobIn_contra, Result]):
    """Handles batches one after the other, in the order of the calls.

    All methods belong to the event loop's thread, and futures are settled on it.
    """

    def call(self, jobs: Sequence[JobIn_contra]) -> Future[Sequence[Result]]:
        """Hand *jobs* over; more than one batch may be on its way.

        Returns:
            The future of one result per job, in order, or of one error for all of them. Every
            call is answered; `StoppingError` after `close`.
        """

    async def close(self) -> None:
        """Take no more calls, let those on their way finish, and give everything back."""


class ThreadOffload(Generic[Job, Result]):
    """Runs a handler on one thread of its own, which also makes it.

    For handlers that release the GIL for most of their time; a busy loop starves all others.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        """Take no calls yet; use `start`."""
        self._loop = loop
        self._calls: SimpleQueue[tuple[Sequence[Job], Future[Sequence[Result]]] | None] = (
            SimpleQueue()
        )
        self._name = name
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()

    @classmethod
    async def start(
        cls, factory: Callable[[], BatchHandler[Job, Result]], *, name: str
    ) -> ThreadOffload[Job, Result]:
        """Start the thread; return once it has made its handler.

        Args:
            factory: makes the handler, on the thread.
            name: the thread's name.

        Raises:
            Exception: what *factory* raised.
        """
        offload: ThreadOffload[Job, Result] = cls(asyncio.get_running_loop(), name)
        ready: Future[None] = Future()
        # A daemon: a node that could not close in order still ends, as after a crash.
        offload._thread = threading.Thread(
            target=offload._run, args=(factory, ready), name=name, daemon=True
        )
        offload._thread.start()
        try:
            await ready
        except BaseException:
            await offload.close()
            raise
        return offload

    def call(self, jobs: Sequence[Job]) -> Future[Sequence[Result]]:
        """Hand *jobs* over. See `Offload.call`."""
        answer: Future[Sequence[Result]] = Future()
        if self._is_closed:
            answer.fail(StoppingError(f"{self._name} is stopping"))
        else:
            self._calls.put((jobs, answer))
        return answer

    async def close(self) -> None:
        """End the thread after the calls that it has. See `Offload.close`."""
        if not self._is_closed:
            self._is_closed = True
            self._calls.put(None)
        await self._ended
        if self._thread is not None:
            self._thread.join()  # its last act was to settle `_ended`

    def abandon(self) -> None:
        """Leave the thread to a call that may never end; it ends itself when that does."""
        self._is_closed = True
        self._calls.put(None)

    def _run(self, factory: Callable[[], BatchHandler[Job, Result]], ready: Future[None]) -> None:
        try:
            handler = factory()
        except BaseException as error:  # noqa: BLE001  # raised again where start() waits
            self._post(ready.fail, error)
        else:
            self._post(ready.resolve, None)
            while (call := self._calls.get()) is not None:
                jobs, answer = call
                try:
                    results = handler(jobs)
                except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
                    self._post(answer.fail, error)
                else:
                    self._post(answer.resolve, results)
                # Not kept alive until the next call.
                del call, jobs, answer
        self._post(self._ended.resolve, None)

    def _post(self, settle: Callable[[Outcome], object], outcome: Outcome) -> None:
        """Settle a future on the loop's thread: one hop for the whole batch."""
        try:
            self._loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:
            # The loop was closed without close(): settle here, for whoever blocks in get().
            settle(outcome)
