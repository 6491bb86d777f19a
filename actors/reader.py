"""Looking at what is durable; what asks nobody and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seriatim.formats.errors import NotFoundError
from seriatim.formats.ids import encode_id
from seriatim.formats.wire.receipt import Receipt, receipt_of
from seriatim.formats.wire.stored import StoredAssignment

if TYPE_CHECKING:
    from seriatim.actors.pages import Encode, RenderedPages
    from seriatim.actors.renditions import Renditions
    from seriatim.formats.httpsig.commitments import Fields
    from seriatim.formats.schedule.record import Head
    from seriatim.store.log import Log, Place


class Reader:
    """The readers' side of a node: short reads on the caller's thread, no mailbox in between."""

    def __init__(self, log: Log, pages: RenderedPages, renditions: Renditions) -> None:
        """Read *log*; what is made of it for the wire comes from *pages* and *renditions*."""
        self._log = log
        self._pages = pages
        self._renditions = renditions

    def head(self, process: bytes) -> Head | None:
        """Return where *process* ends, or ``None`` for a process that is not known."""
        return self._log.head(process)

    def stored(self, process: bytes, slot: int) -> StoredAssignment:
        """Return one assignment.

        Raises:
            NotFoundError: the log does not reach so far.
        """
        record = self._log.read(process, slot)
        if record is None:
            raise NotFoundError(f"process {encode_id(process)} has no slot {slot}")
        return StoredAssignment(process, slot, record)

    def schedule(self, process: bytes, first: int, last: int) -> Iterator[StoredAssignment]:
        """Yield the assignments from *first* to *last*, both inclusive."""
        for slot, record in self._log.read_range(process, first, last):
            yield StoredAssignment(process, slot, record)

    def views(self, process: bytes, first: int, last: int, *, separator: bytes) -> Iterator[bytes]:
        """Yield stored views, joined in chunks; see `Log.read_views`."""
        return self._log.read_views(process, first, last, separator=separator)

    def rendered(
        self,
        process: bytes,
        first: int,
        last: int,
        *,
        shape: str,
        encode: Encode,
        separator: bytes = b",",
    ) -> Iterator[bytes]:
        """Yield assignments in a wire shape, joined in chunks; see `RenderedPages.render`."""
        return self._pages.render(
            process, first, last, shape=shape, encode=encode, separator=separator
        )

    async def http_assignment(self, stored: StoredAssignment) -> Fields:
        """Return an assignment as an HTTP message with its message in it; see `Renditions.read`."""
        return await self._renditions.read(stored)

    async def http_entries(self, process: bytes, first: int, last: int) -> tuple[list[bytes], int]:
        """Return assignments as parts of an HTTP message; see `Renditions.entries`."""
        return await self._renditions.entries(process, first, last)

    def find(self, any_id: bytes) -> list[Place]:
        """Return every place of a message or assignment id."""
        return self._log.find(any_id)

    def receipt(self, process: bytes, message_id: bytes) -> Receipt | None:
        """Return the answer that a message of *process* got, or ``None`` where it has no slot."""
        slot = self._log.find_in(process, message_id)
        record = None if slot is None else self._log.read(process, slot)
        return None if slot is None or record is None else receipt_of(process, slot, record)

    def slots_until(self, process: bytes, time_ms: int) -> int:
        """Return how many slots of *process* have a timestamp of at most *time_ms*.

        Timestamps rise strictly within a process, so this is a binary search.
        """
        head = self._log.head(process)
        low, high = 0, 0 if head is None else head.slot + 1
        while low < high:
            middle = (low + high) // 2
            stamp_ms = self._log.timestamp_ms(process, middle)
            if stamp_ms is not None and stamp_ms <= time_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """Return up to *limit* process ids in byte order, after *after*."""
        return self._log.processes(after=after, limit=limit)
