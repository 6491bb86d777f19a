"""The log: what every storage of assignments offers, whatever it is made of.

Keep this protocol free of LMDB: a shared SQL store is to implement it too, with
``(process, slot)`` as the primary key doing the fencing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from seriatim.formats.schedule.record import Head, Record
from seriatim.formats.schedule.upload import Part


class Append(NamedTuple):
    """One assignment on its way to disk.

    Attributes:
        process: process id, 32 raw bytes.
        slot: the slot that it takes; must be the next one of the process.
        record: encoded `Record`.
        ids: ids under which it can be found (message id, assignment id), 32 raw bytes each;
            ids that are already known for this process keep their first slot.
        view: the assignment as its variant's readers want it, ready to be joined into a page;
            empty for none. Derived: it can be dropped and made again from ``record``.
        upload: what of it goes to the bundler; in the outbox from the same transaction on.
    """

    process: bytes
    slot: int
    record: bytes
    ids: tuple[bytes, ...]
    view: bytes = b""
    upload: Part = Part.NOTHING


class Rendition(NamedTuple):
    """A stored assignment, signed once more in another form.

    Attributes:
        process: process id, 32 raw bytes.
        slot: its slot; must be in the log.
        signed: the assignment in that form.
    """

    process: bytes
    slot: int
    signed: bytes


class Place(NamedTuple):
    """Where an assignment stands."""

    process: bytes
    slot: int


class Outgoing(NamedTuple):
    """An entry of the outbox: what of an assignment the bundler has not acknowledged yet.

    Attributes:
        sequence: the node-wide commit sequence number of the assignment: entries leave in this
            order, about.
        process: process id, 32 raw bytes.
        slot: its slot.
        left: what is left; never nothing.
    """

    sequence: int
    process: bytes
    slot: int
    left: Part


class Uploaded(NamedTuple):
    """Parts of an entry of the outbox that the bundler has acknowledged.

    Attributes:
        sequence: see `Outgoing`, as all but the last.
        process: process id, 32 raw bytes.
        slot: its slot.
        parts: what has been acknowledged.
    """

    sequence: int
    process: bytes
    slot: int
    parts: Part


class Log(Protocol):
    """Ordered, gapless, append-only logs, one per process.

    Reads see only what is durable. All reads are safe from any thread; `append` is called by
    one writer at a time.
    """

    def head(self, process: bytes) -> Head | None:
        """Return the head of *process*, or ``None`` when it has no slot yet.

        Raises:
            CorruptRecordError: the last record is damaged.
        """

    def append(self, batch: Sequence[Append], uploaded: Sequence[Uploaded] = ()) -> int:
        """Write the whole *batch* durably, and take *uploaded* off the outbox, or do nothing.

        A process may appear more than once, with consecutive slots.

        Returns:
            The node-wide commit sequence number of the batch's first entry; entries are
            numbered from 0 in the order in which they became durable.

        Raises:
            SlotConflictError: an entry does not continue its process's log; nothing is written.
            StoreError: the storage refused; whether the batch is there is unknown until the log
                is read again.
        """

    def add_renditions(self, batch: Sequence[Rendition]) -> list[bytes]:
        """Write the whole *batch* durably, or nothing of it; the first of a place stays for ever.

        Returns:
            What is stored at each place: what was given, or what was there before.

        Raises:
            StoreError: the storage refused.
        """

    def rendition(self, process: bytes, slot: int) -> bytes | None:
        """Return what is stored at *slot*, or ``None``.

        Raises:
            CorruptRecordError: it is damaged.
        """

    def outbox(self, first: int, limit: int) -> list[Outgoing]:
        """Return up to *limit* entries of the outbox, from sequence number *first* on."""

    def outbox_size(self) -> int:
        """Return how many entries the outbox has."""

    def upload_left(self, process: bytes, slot: int) -> Part | None:
        """Return what of *slot* is still to be uploaded; ``None`` where nothing ever was."""

    def read(self, process: bytes, slot: int) -> Record | None:
        """Return the record at *slot*, or ``None`` where the log does not reach.

        Raises:
            CorruptRecordError: the record is damaged.
        """

    def read_range(self, process: bytes, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """Yield ``(slot, record)`` from *first* to *last*, both inclusive, in slot order.

        Ends early where the log ends. Holds no transaction open between two items for longer
        than it takes to copy a chunk of ``PAGE_CHUNK_BYTES``.
        """

    def read_views(
        self, process: bytes, first: int, last: int, *, separator: bytes
    ) -> Iterator[bytes]:
        """Yield the views of *first* to *last*, both inclusive, joined with *separator*.

        In slot order, in chunks of about ``PAGE_CHUNK_BYTES``: chunk after chunk may be sent as
        it comes, with *separator* between two chunks added by the caller. Holds no transaction
        open between two chunks. Ends early where the log ends or where an entry has no view.
        """

    def timestamp_ms(self, process: bytes, slot: int) -> int | None:
        """Return the timestamp at *slot* without reading the rest of the record."""

    def find(self, any_id: bytes) -> list[Place]:
        """Return every place where *any_id* (message or assignment id) stands, by process."""

    def find_in(self, process: bytes, any_id: bytes) -> int | None:
        """Return the slot of *process* at which *any_id* first stands, or ``None``."""

    def processes(self, *, after: bytes | None = None, limit: int) -> list[bytes]:
        """Return up to *limit* process ids in byte order, from the first one after *after*."""

    def commits(self, first: int, limit: int) -> list[Place]:
        """Return up to *limit* places in commit order, from sequence number *first* on."""

    def close(self) -> None:
        """Release everything; later calls raise `StoreError`."""
