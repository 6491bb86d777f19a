"""The threads of watches of files: those that look at folders, and those that listen.

A folder may be on a file system that does not answer. So whatever asks one waits in a thread that
nothing else needs, and that nobody has to wait for: not the event loop, not what signs, not the
node's end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from seriatim.actors.runtime.offload import ThreadOffload
from seriatim.formats.limits import FILES_LISTENERS_MAX, FILES_LOOKERS_MAX

LOOKER: Final = "a look at files"
"""The name of a thread that looks."""

Found = TypeVar("Found")


class FileThreads:
    """Those of one node; belongs to its event loop. Nothing is left to be closed."""

    def __init__(self) -> None:
        self._lookers = asyncio.Semaphore(FILES_LOOKERS_MAX)
        self._listeners = 0

    async def run(self, do: Callable[[], Found]) -> Found:
        """Return what *do* returns, in a thread: one of ``FILES_LOOKERS_MAX`` at the same time.

        Who is cancelled leaves the thread to its end.

        Raises:
            Exception: what *do* raises.
        """
        async with self._lookers:
            thread: ThreadOffload[Callable[[], Found], Found] = await ThreadOffload.start(
                lambda: _do_each, name=LOOKER
            )
            try:
                (found,) = await thread.call([do])
            finally:
                thread.abandon()
        return found

    def take_listener(self) -> bool:
        """Tell whether another watch may listen, and count it: ``FILES_LISTENERS_MAX`` may."""
        is_free = self._listeners < FILES_LISTENERS_MAX
        self._listeners += is_free
        return is_free

    def give_back_listener(self) -> None:
        """Count one less: a watch that took it listens no more."""
        assert self._listeners > 0, "it was taken"
        self._listeners -= 1


def _do_each(jobs: Sequence[Callable[[], Found]]) -> list[Found]:
    return [do() for do in jobs]
