"""Threads for functions that block: one for each job while it runs.

A thread cannot be stopped. One whose job was stopped is abandoned: it goes on, unheard, and the
next job has a thread of its own; no pool, in which it would keep a place that others wait for. It
is none that the program waits for at its end, either.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Final, TypeVar

from seriatim.formats.limits import THREADS_ABANDONED_MAX

T = TypeVar("T")

_LOG: Final = logging.getLogger("seriatim.actors")


def begin_thread(work: Callable[[], object], name: str) -> None:
    """Have *work*, which raises nothing, run in a thread that no program waits for at its end."""
    threading.Thread(target=work, name=name, daemon=True).start()


class Threads:
    """The threads of one worker. Belongs to one event loop.

    Attributes:
        on_fewer: is called when one has ended that went on unheard.
    """

    def __init__(self, name: str) -> None:
        """Call each of them *name*."""
        self.on_fewer: Callable[[], object] = _nothing
        self._name = name
        self._abandoned = 0

    @property
    def too_many(self) -> int:
        """How many more than ``THREADS_ABANDONED_MAX`` go on unheard."""
        return max(self._abandoned - THREADS_ABANDONED_MAX, 0)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what *work* returns, which runs in a thread, in the context of who calls this.

        Args:
            work: raises nothing. Who is cancelled abandons it.

        Raises:
            RuntimeError: the system has no thread left.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        context = copy_context()

        def settle(value: T) -> None:
            if result.cancelled():
                self._abandoned -= 1
                self.on_fewer()
            else:
                result.set_result(value)

        def body() -> None:
            value = context.run(work)
            with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                loop.call_soon_threadsafe(settle, value)

        begin_thread(body, self._name)
        try:
            return await result
        except asyncio.CancelledError:
            if result.cancelled():  # and not come in the same turn of the loop
                self._abandon()
            raise

    def _abandon(self) -> None:
        self._abandoned += 1
        _LOG.warning(
            "%s: a function goes on in its thread though its job was stopped; %d do",
            self._name,
            self._abandoned,
        )


def _nothing() -> None:
    """Do nothing."""
