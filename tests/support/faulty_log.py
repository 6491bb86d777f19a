"""A log whose next append fails on request, before or after it has written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from seriatim.formats.errors import StoreError
from seriatim.formats.schedule.record import Head, Record
from seriatim.formats.schedule.upload import Part
from seriatim.store.log import Append, Log, Outgoing, Place, Rendition, Uploaded


class Fault(Enum):
    """What goes wrong in an append. To the caller both look the same: in doubt."""

    BEFORE_WRITING = "nothing is written"
    AFTER_WRITING = "everything is written, and the caller is not told so"


class FaultyLog(Log):
    """`Log` over another one, with faults ordered in advance."""

    def __init__(self, log: Log) -> None:
        """Behave as *log* does, until told otherwise."""
        self._log = log
        self._faults: list[Fault] = []

    def fail_next(self, *faults: Fault) -> None:
        """Let the next appends fail, one after another."""
        self._faults += faults

    def append(self, batch: Sequence[Append], uploaded: Sequence[Uploaded] = ()) -> int:
        """See `Log.append`; fails as ordered."""
        if not self._faults:
            return self._log.append(batch, uploaded)
        fault = self._faults.pop(0)
        if fault is Fault.AFTER_WRITING:
            self._log.append(batch, uploaded)
        raise StoreError(f"a fault on order: {fault.value}")

    def add_renditions(self, batch: Sequence[Rendition]) -> list[bytes]:
        """See `Log.add_renditions`."""
        return self._log.add_renditions(batch)

    def rendition(self, process: bytes, slot: int) -> bytes | None:
        """See `Log.rendition`."""
        return self._log.rendition(process, slot)

    def outbox(self, first: int, limit: int) -> list[Outgoing]:
        """See `Log.outbox`."""
        return self._log.outbox(first, limit)

    def outbox_size(self) -> int:
        """See `Log.outbox_size`."""
        return self._log.outbox_size()

    def upload_left(self, process: bytes, slot: int) -> Part | None:
        """See `Log.upload_left`."""
        return self._log.upload_left(process, slot)

    def head(self, process: bytes) -> Head | None:
        """See `Log.head`."""
        return self._log.head(process)

    def read(self, process: bytes, slot: int) -> Record | None:
        """See `Log.read`."""
        return self._log.read(process, slot)

    def read_range(self, process: bytes, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """See `Log.read_range`."""
        return self._log.read_range(process, first, last)

    def read_views(
        self, process: bytes, first: int, last: int, *, separator: bytes
    ) -> Iterator[bytes]:
        """See `Log.read_views`."""
        return self._log.read_views(process, first, last, separator=separator)

    def timestamp_ms(self, process: bytes, slot: int) -> int | None:
        """See `Log.timestamp_ms`."""
        return self._log.timestamp_ms(process, slot)

    def find(self, any_id: bytes) -> list[Place]:
        """See `Log.find`."""
        return self._log.find(any_id)

    def find_in(self, process: bytes, any_id: bytes) -> int | None:
        """See `Log.find_in`."""
        return self._log.find_in(process, any_id)

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """See `Log.processes`."""
        return self._log.processes(after=after, limit=limit)

    def commits(self, first: int, limit: int) -> list[Place]:
        """See `Log.commits`."""
        return self._log.commits(first, limit)

    def close(self) -> None:
        """See `Log.close`."""
        self._log.close()
