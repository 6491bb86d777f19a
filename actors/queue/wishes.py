"""What the operator wants of a node and of its workers: kept, so that it outlives the node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from seriatim.formats.jobs.damage import whole_rows
from seriatim.formats.jobs.rows import DRAINS, drain_path
from seriatim.formats.monitor.flags import FLAGS_PATH, Flags, decode_flags, encode_flags

if TYPE_CHECKING:
    from seriatim.actors.own_log import OwnLog
    from seriatim.formats.jobs.rows import Path
    from seriatim.store.tree.tree import Tree


class Wishes:
    """Flags, and workers that are to end. Belongs to one event loop.

    Attributes:
        flags: what the operator wants of the whole; with ``stop``, no job is taken.
    """

    def __init__(self, tree: Tree, own: OwnLog) -> None:
        """Go on with what *tree* has; write by *own*.

        Raises:
            StoreError: the row of the flags is damaged.
        """
        with whole_rows("flags"):
            self.flags: Flags = decode_flags(tree.get(FLAGS_PATH))
        self._own = own
        self._drains = {worker for worker, _ in tree.all_values(DRAINS)}
        self._changing = asyncio.Lock()  # two changes at once are both made

    async def change_flags(self, **change: bool) -> Flags:
        """Have the flags named in *change* be so from now on; return all when they are on disk.

        Raises:
            UnavailableError: not now; the same again is safe.
        """
        async with self._changing:
            flags = self.flags._replace(**change)
            await self._own.keep(((FLAGS_PATH, encode_flags(flags)),))
            self.flags = flags
            return flags

    def drains(self, worker: str) -> bool:
        """Tell whether *worker* is to finish what it has, take nothing more, and end."""
        return worker in self._drains

    async def drain(self, worker: str, is_known: Callable[[str], bool]) -> None:
        """Have `drains` say so of *worker*; return when that is on disk.

        Args:
            worker: its name.
            is_known: tells whether a worker was heard of lately. What is wanted of others is
                forgotten now, so that there are never more wishes than workers.

        Raises:
            UnavailableError: not now; the same again is safe.
        """
        async with self._changing:
            gone = [each for each in self._drains if not is_known(each)]
            rows: list[tuple[Path, bytes | None]] = [(drain_path(each), None) for each in gone]
            await self._own.keep((*rows, (drain_path(worker), b"")))
            self._drains.difference_update(gone)
            self._drains.add(worker)

    async def forget(self, worker: str) -> None:
        """Want nothing more of *worker*: it has ended.

        Raises:
            UnavailableError: not now; the same again is safe.
        """
        if worker in self._drains:
            async with self._changing:
                await self._own.keep(((drain_path(worker), None),))
                self._drains.discard(worker)
